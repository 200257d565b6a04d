"""Kinds of paths that signals and contexts, which do not import each other, tell apart in the same way."""

from __future__ import annotations

NOT_PRODUCT = (
    r"(?:^|/)(?:_?tests?|testing|docs?|examples?|benchmarks?|asv_bench|vendored?|_vendor|node_modules)/"
)
"""Pattern of directories with tests, documentation, or code of others; to be used without regard to case."""
