"""Counts tokens offline by o200k_base: an estimate, since most models have their own vocabularies."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

MOST_CHARS = 128
"""Length of the longest token of o200k_base."""

_CACHE_KEY = "TIKTOKEN_CACHE_DIR"
_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"  # tiktoken's name for o200k_base: SHA-1 of its URL


def vocabulary() -> Path | None:
    """The directory in which litellm ships the vocabulary of o200k_base, or None."""
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None or importlib.util.find_spec("tiktoken") is None:
        return None
    directory = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
    return directory if (directory / _FILE).is_file() else None


def count(text: str) -> int:
    """Number of tokens of `text`; special tokens count as ordinary text."""
    return len(_encoding().encode_ordinary(text))


@cache
def _encoding() -> tiktoken.Encoding:
    """The encoding, which takes half a second to load. The variable that names its directory is set only while loading."""
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
