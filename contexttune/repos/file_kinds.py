"""Patterns of paths that are not product code, shared by signals and contexts."""

from __future__ import annotations

NOT_PRODUCT = (
    r"(?:^|/)(?:_?tests?|testing|docs?|examples?|benchmarks?|asv_bench|vendored?|_vendor|node_modules)/"
)
"""Directories with tests, documentation or vendored code. Match without regard to case."""

NOT_CODE = (
    NOT_PRODUCT
    + r"|(?:^|/)(?:__tests__|__mocks__|spec|vendor|third[_-]?party|c?extern|externals?|locale)/"
    + r"|\.min\.js\Z|(?:^|/)[^/]*[._-](?:test|spec)\.[a-z]+\Z"
)
"""NOT_PRODUCT and the conventions of languages other than Python, test files and minified files."""
