"""Packages and size of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.source_files import is_source, packages
from contexttune.interfaces import Card


@dataclass(frozen=True, kw_only=True)
class RepoIdentity(Card):
    """Top-level packages with the first lines of their docstrings, and the numbers of files and definitions."""

    version: ClassVar[int] = 1
    name: str = "repo_identity"
    n_packages: int = 3

    def render(self, signals: Mapping[str, Any]) -> str | None:
        tree, modules = signals["tree"], signals["py_index"]["modules"]
        python = [path for path in modules if is_source(path)]
        described = {package: modules[init]["doc"] for package, init in packages(modules)}
        told = [package for package, doc in described.items() if doc] or list(described)
        lines = [f"- `{name}`: {described[name]}".removesuffix(": ") for name in told[: self.n_packages]]
        symbols = sum(len(modules[path]["symbols"]) for path in python)
        lines.append(
            f"- {tree['n_files']} files; {len(python)} Python source files with {symbols} definitions"
        )
        return "\n".join(lines)
