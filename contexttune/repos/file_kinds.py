"""Kinds of paths that signals and contexts, which do not import each other, tell apart in the same way."""

from __future__ import annotations

NOT_PRODUCT = (
    r"(?:^|/)(?:_?tests?|testing|docs?|examples?|benchmarks?|asv_bench|vendored?|_vendor|node_modules)/"
)
"""Pattern of directories with tests, documentation, or code of others; to be used without regard to case."""

NOT_CODE = (
    NOT_PRODUCT
    + r"|(?:^|/)(?:__tests__|__mocks__|spec|vendor|third[_-]?party|c?extern|externals?|locale)/"
    + r"|\.min\.js\Z|(?:^|/)[^/]*[._-](?:test|spec)\.[a-z]+\Z"
)
"""The same with what other languages than Python name so, and files of these that are tests or minified."""
