"""Tokens counted without a network: an estimate, since most models split text by vocabularies of their own."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

MOST_CHARS = 128
"""Of a token of o200k_base; there is no longer one."""

_CACHE_KEY = "TIKTOKEN_CACHE_DIR"
_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"  # tiktoken's name for o200k_base: SHA-1 of where it lies


def vocabulary() -> Path | None:
    """The directory in which litellm ships the vocabulary of o200k_base, or None where it does not."""
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None or importlib.util.find_spec("tiktoken") is None:
        return None
    directory = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
    return directory if (directory / _FILE).is_file() else None


def count(text: str) -> int:
    """Tokens of `text` by o200k_base; what looks like a special token is text as well."""
    return len(_encoding().encode_ordinary(text))


@cache
def _encoding() -> tiktoken.Encoding:
    """Loaded once, half a second; the environment says only meanwhile where from."""
    import tiktoken

    before = os.environ.get(_CACHE_KEY)
    os.environ[_CACHE_KEY] = str(vocabulary())
    try:
        return tiktoken.get_encoding("o200k_base")
    finally:
        if before is None:
            del os.environ[_CACHE_KEY]
        else:
            os.environ[_CACHE_KEY] = before
