"""Make untrusted texts of models, tests and repositories safe to display."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # terminal colours printed by test runners
# control and invisible characters, bidirectional marks (which can disguise a patch), lone surrogates
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Replace characters without a glyph by their code points; the result is valid UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    plain = _COLOURS.sub("", text).replace("\r\n", "\n")
    return _HIDDEN.sub(lambda found: f"\u27e8U+{ord(found[0]):04X}\u27e9", plain)


def middle_cut(text: str, n_chars: int) -> str:
    """Shorten `text` to about `n_chars`: its two ends, with the number of characters cut between them."""
    if len(text) <= n_chars:
        return text
    head = n_chars * 2 // 3
    tail = n_chars - head
    missing = f"\u27e8{len(text) - n_chars:,} characters cut\u27e9"
    return f"{text[:head]}{missing}{text[len(text) - tail :]}" if n_chars else missing
