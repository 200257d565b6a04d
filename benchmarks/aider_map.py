"""Maps of one checkout by aider 0.86.2; run by the Python of an environment that has it (see benchmarks/peers.py).

Reads {"root", "files", "statement", "budgets_chars"} as JSON from standard input and prints {"version", "agnostic": {budget: text},
"issue": {budget: text}, "map_s"}. All tracked files are "other files", as in a chat that begins; for "issue" aider's own functions find
the names and files that the issue mentions. A map is that of the longest prefix of aider's ranked tags that fits the budget in
characters, which is aider's best case: its own search stops within 15 % of a number of tokens, and a larger map that is cut loses
ranked content, since maps are sorted by path.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main() -> None:
    """What aider itself prints goes to standard error."""
    asked = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):
        made = maps(Path(asked["root"]), asked["files"], asked["statement"], asked["budgets_chars"])
    json.dump(made, sys.stdout)


def maps(root: Path, files: Sequence[str], statement: str, budgets_chars: Sequence[int]) -> dict[str, Any]:
    """`map_s`: from an empty cache to the issue-agnostic map of the smallest budget."""
    import aider
    from aider.io import InputOutput
    from aider.repomap import RepoMap

    io = InputOutput(pretty=False, yes=True, fancy_input=False)
    repo_map = RepoMap(root=str(root), io=io)
    found: dict[str, Any] = {"version": aider.__version__}
    began = time.perf_counter()
    for name, (fnames, idents) in {"agnostic": (set(), set()), "issue": mentions(files, statement)}.items():
        ranked = ranked_tags(repo_map, root, files, fnames, idents)
        found[name] = {}
        for budget in sorted(budgets_chars):
            found[name][str(budget)] = fitted(repo_map, ranked, budget)
            found.setdefault("map_s", round(time.perf_counter() - began, 3))
    return found


def mentions(files: Sequence[str], statement: str) -> tuple[set[str], set[str]]:
    """(files, identifiers) that aider would say a message mentions."""
    from aider.coders.base_coder import Coder

    chat = SimpleNamespace(
        get_addable_relative_files=lambda: files,
        get_all_relative_files=lambda: files,
        get_inchat_relative_files=lambda: [],
        abs_read_only_fnames=[],
    )
    idents = Coder.get_ident_mentions(chat, statement)
    fnames = Coder.get_file_mentions(chat, statement) | Coder.get_ident_filename_matches(chat, idents)
    return fnames, idents


def ranked_tags(
    repo_map: Any, root: Path, files: Sequence[str], fnames: set[str], idents: set[str]
) -> list[Any]:
    """As RepoMap.get_ranked_tags_map_uncached has them before it fits them: files of note first."""
    from aider.special import filter_important_files

    ranked = repo_map.get_ranked_tags(set(), {str(root / path) for path in files}, fnames, idents)
    tagged = {tag[0] for tag in ranked}
    return [*((path,) for path in filter_important_files(sorted(files)) if path not in tagged), *ranked]


def fitted(repo_map: Any, ranked: Sequence[Any], budget_chars: int) -> str:
    """The map of as many tags as fit."""
    text, low, high = "", 0, min(16, len(ranked))
    while low < high:
        made = repo_map.to_tree(ranked[:high], set())
        if len(made) > budget_chars:
            break
        text, low, high = made, high, min(2 * high, len(ranked))
    while high - low > 1:
        middle = (low + high) // 2
        made = repo_map.to_tree(ranked[:middle], set())
        if len(made) <= budget_chars:
            text, low = made, middle
        else:
            high = middle
    return text


if __name__ == "__main__":
    main()
