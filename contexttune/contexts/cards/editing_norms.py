"""Conventions for changes to this repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.source_files import is_unambiguous
from contexttune.interfaces import Card

_CHANGELOGS = ("changes", "changelog", "history", "news", "release_notes", "whats-new")
_STYLE = (
    *(".pre-commit-config.yaml", ".flake8", "ruff.toml", ".ruff.toml"),
    *(".editorconfig", "mypy.ini", ".pylintrc", "tox.ini"),
)
_GUIDES = ("contributing", "agents", "claude", "hacking")


@dataclass(frozen=True, kw_only=True)
class EditingNorms(Card):
    """The repository's own guides, changelog and style configuration, by path."""

    version: ClassVar[int] = 1
    name: str = "editing_norms"

    def render(self, signals: Mapping[str, Any]) -> str | None:
        top = [path for path in signals["tree"]["files"] if path.count("/") <= 1 and is_unambiguous(path)]
        lines = [
            _line("contributor guide", [p for p in top if _stem(p) in _GUIDES]),
            _line("changelog", [p for p in top if _stem(p) in _CHANGELOGS]),
            _line("style is configured in", [p for p in top if "/" not in p and p in _STYLE]),
        ]
        return "\n".join(line for line in lines if line) or None


def _stem(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    return name.rpartition(".")[0] or name


def _line(label: str, paths: list[str]) -> str:
    return f"- {label}: {', '.join(f'`{path}`' for path in paths[:4])}" if paths else ""
