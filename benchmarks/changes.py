"""Makes rows for `task=audit` and benchmarks/peers.py from the histories of repositories: changes that nobody has tuned on.

python -m benchmarks.changes --remotes TEMPLATE --out FILE [--most 25] owner/name ...

TEMPLATE locates the git directories, like `workspace.remote`: `/mirrors/{owner}__{name}`. A row is a commit of the main branch (a merge
counts as one change) that fixes something according to its message, changes one to three Python files of the product in at most 80 lines
and a test, and creates or deletes no Python file. Its first parent is the base and its message the issue, although a message says less
than an issue, or more. Suitable commits among the last 2,500 are sampled at even distances. The rows can be audited but not run, since
there are no images to grade them in.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from contexttune.repos.file_kinds import NOT_PRODUCT
from contexttune.repos.git import git, try_git
from contexttune.system.files import write_jsonl

_LAST = 2_500
_MOST_FILES, _MOST_LINES = 3, 80
_TEST = re.compile(r"(?:^|/)(?:_?tests?|testing)/|(?:^|/)test_[^/]*\Z|_tests?\.py\Z|(?:^|/)conftest\.py\Z")
_NO_PRODUCT = re.compile(NOT_PRODUCT, re.IGNORECASE)
_FIXES = re.compile(r"\b(?:fix|bug|issue)|#\d+", re.IGNORECASE)
_UNGRADED = dict.fromkeys(("image", "eval_script", "log_parser", "eval_type", "version"), "none")


class Change(NamedTuple):
    """A commit and its first parent, with the paths that it changes."""

    commit: str
    base: str
    message: str
    product: Sequence[str]
    tests: Sequence[str]


def main() -> None:
    """Write the rows, and print their number for each repository."""
    parser = argparse.ArgumentParser(description="make rows from the histories of repositories")
    parser.add_argument("repos", nargs="+", help="owner/name")
    parser.add_argument("--remotes", required=True, help="for example '/mirrors/{owner}__{name}'")
    parser.add_argument("--out", type=Path, required=True, help="rows.jsonl")
    parser.add_argument("--most", type=int, default=25, help="rows per repository")
    args = parser.parse_args()
    rows = []
    for repo in args.repos:
        owner, _, name = repo.partition("/")
        git_dir = Path(args.remotes.format(repo=repo, owner=owner, name=name))
        found = rows_of(git_dir, repo, args.most)
        print(f"{repo}: {len(found)} changes")
        rows += found
    write_jsonl(args.out, rows)


def rows_of(git_dir: Path, repo: str, most: int) -> list[dict[str, Any]]:
    """At most `most` rows of one repository."""
    suitable = [change for change in _changes(git_dir) if _is_fix(change)]
    chosen = suitable[:: max(1, len(suitable) // most)][:most]
    return [row for change in chosen if (row := _row(git_dir, repo, change))]


def _changes(git_dir: Path) -> Iterator[Change]:
    """The last commits of the main branch, newest first, without those that create or delete product files in Python."""
    flags = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-status")
    command = ("log", *flags, f"--max-count={_LAST}", "--format=%x00%H %P%x01%B%x02", "HEAD")
    output = git("--git-dir", git_dir, *command).decode(errors="replace")
    for part in output.split("\0")[1:]:
        head, _, listed = part.partition("\2")
        names, _, message = head.partition("\1")
        commit, *parents = names.split()
        touched = [line.split("\t") for line in listed.strip().splitlines()]
        python = [(status, path) for status, path in touched if path.endswith(".py")]
        if parents and all(status == "M" or _TEST.search(path) for status, path in python):
            tests = [path for _, path in python if _TEST.search(path)]
            product = [path for _, path in python if not _TEST.search(path) and not _NO_PRODUCT.search(path)]
            yield Change(commit, parents[0], message, product, tests)


def _is_fix(change: Change) -> bool:
    has_both = 1 <= len(change.product) <= _MOST_FILES and bool(change.tests)
    return has_both and bool(_FIXES.search(change.message))


def _row(git_dir: Path, repo: str, change: Change) -> dict[str, Any] | None:
    """None when the change is too large, or objects of it are missing."""
    patches = [_diff(git_dir, change, paths) for paths in (change.product, change.tests)]
    n_lines = len(re.findall(r"^[+-](?![+-])", patches[0] or "", re.MULTILINE))
    if not all(patches) or n_lines > _MOST_LINES:
        return None
    return _UNGRADED | {
        "instance_id": f"{repo.replace('/', '__')}-{change.commit[:10]}",
        "repo": repo,
        "base_commit": change.base,
        "problem_statement": change.message,
        "patch": patches[0],
        "test_patch": patches[1],
        "FAIL_TO_PASS": "[]",
        "PASS_TO_PASS": "[]",
    }


def _diff(git_dir: Path, change: Change, paths: Sequence[str]) -> str | None:
    done = try_git(
        "--git-dir",
        git_dir,
        "diff",
        "--no-ext-diff",
        "--no-renames",
        change.base,
        change.commit,
        "--",
        *paths,
    )
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


if __name__ == "__main__":
    main()
