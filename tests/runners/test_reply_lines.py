"""No line of a reply is lost silently: generated diffs with the mistakes that models make, applied by real git."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contexttune.repos.commit_index import commit_index
from contexttune.repos.git import Tree, git
from contexttune.runners.diff_repair import drop_drafts, repair
from contexttune.runners.reply_diff import find_diffs
from contexttune.runners.reply_patch import patch_of
from tests.gitrepos import commit

N_REPLIES = 100  # in one repository and one git apply, each with files of its own
N_LINES = 30
HEADERS = ("right", "under", "over", "bare", "dots", "named", "offset")
KINDS = ("edit", "edit", "edit", "rename", "rename only", "mode", "new", "empty", "delete")


def old_text(path: str) -> str:
    return "".join(f"{path} line {n}\n" for n in range(N_LINES))


@dataclass
class Reply:
    """A reply, and what the repository must hold after it."""

    text: str = ""
    added: dict[str, list[str]] = field(default_factory=dict)  # path -> lines that must be there
    removed: dict[str, list[str]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def hunks(rng: random.Random, path: str, added: list[str], removed: list[str]) -> str:
    """One to three hunks at distinct places, in any order, with headers right and wrong."""
    made = []
    for block in sorted(rng.sample(range(3), rng.randint(1, 3))):
        start, context = block * 10 + rng.randint(3, 4), rng.randint(1, 3)
        gone = rng.randint(0, 2)
        new = [f"{path} new {block}.{n} {rng.random()}" for n in range(rng.randint(0 if gone else 1, 3))]
        old = [f"{path} line {start + n}" for n in range(gone)]
        before = [f" {path} line {n}" for n in range(start - context, start)]
        after = [f" {path} line {n}" for n in range(start + gone, start + gone + rng.randint(0, 2))]
        body = [*before, *(f"-{line}" for line in old), *(f"+{line}" for line in new), *after]
        added += new
        removed += old
        n_old, n_new = len(before) + gone + len(after), len(before) + len(new) + len(after)
        made.append(header(rng, start - context + 1, n_old, n_new) + "\n" + "\n".join(body) + "\n")
    if rng.random() < 0.2:
        rng.shuffle(made)
    return "".join(made)


def header(rng: random.Random, line: int, n_old: int, n_new: int) -> str:
    kind = rng.choice(HEADERS)
    wrong = {"under": -rng.randint(1, 2), "over": rng.randint(1, 9)}.get(kind, 0)
    line = rng.randint(1, 40) if kind == "offset" else line
    return {"bare": "@@", "dots": "@@ ... @@", "named": "@@ def mean(values):"}.get(
        kind,
        f"@@ -{line},{max(n_old + wrong, 0)} +{line},{max(n_new + wrong, 0)} @@ {rng.choice(['', 'def f():'])}",
    )


def section(rng: random.Random, path: str, reply: Reply) -> str:
    """The diff of one file."""
    kind, other = rng.choice(KINDS), f"other/{path}"
    added, removed = reply.added.setdefault(path, []), reply.removed.setdefault(path, [])
    git_line = f"diff --git a/{path} b/{path}\n"
    if kind == "edit":
        start = git_line if rng.random() < 0.5 else ""
        return f"{start}--- a/{path}\n+++ b/{path}\n{hunks(rng, path, added, removed)}"
    if kind in ("rename", "rename only"):
        del reply.added[path], reply.removed[path]
        reply.absent.append(path)
        added, removed = reply.added.setdefault(other, []), reply.removed.setdefault(other, [])
        moved = (
            f"diff --git a/{path} b/{other}\nsimilarity index 90%\nrename from {path}\nrename to {other}\n"
        )
        if kind == "rename only":
            added += [f"{path} line 1"]
            return moved
        return f"{moved}--- a/{path}\n+++ b/{other}\n{hunks(rng, path, added, removed)}"
    if kind == "mode":
        start = f"{git_line}old mode 100644\nnew mode 100755\n"
        return (
            f"{start}--- a/{path}\n+++ b/{path}\n{hunks(rng, path, added, removed)}"
            if rng.random() < 0.5
            else start
        )
    if kind == "delete":
        del reply.added[path], reply.removed[path]
        reply.absent.append(path)
        body = "".join(f"-{line}\n" for line in old_text(path).splitlines())
        return f"{git_line}deleted file mode 100644\n--- a/{path}\n+++ /dev/null\n@@ -1,{N_LINES} +0,0 @@\n{body}"
    del reply.removed[path], reply.added[path]
    new = [] if kind == "empty" else [f"{other} new {n} {rng.random()}" for n in range(rng.randint(1, 6))]
    reply.added[other] = new
    start = f"diff --git a/{other} b/{other}\nnew file mode 100644\n"
    if kind == "empty":
        return f"{start}index 0000000..e69de29\n"
    n = max(len(new) + rng.choice((0, -1, 3)), 0)
    body = "".join(f"+{line}\n" for line in new)
    return f"{start if rng.random() < 0.5 else ''}--- /dev/null\n+++ b/{other}\n@@ -0,0 +1,{n} @@\n{body}"


def reply_of(rng: random.Random, paths: list[str]) -> Reply:
    """A reply with sections of these files, in one fence or several, with prose."""
    reply = Reply()
    sections = [section(rng, path, reply) for path in paths]
    if rng.random() < 0.5:
        reply.text = "I would do this:\n```diff\n" + "".join(sections) + "```\n"
    else:
        reply.text = "".join(f"Then:\n\n```diff\n{each}```\nSo much for that.\n" for each in sections)
    return reply


def after(tree: Tree, diff: str) -> Mapping[str, str] | None:
    """path -> text after the diff; None when git refuses it."""
    with commit_index(tree) as index:
        if index.apply(diff, repaired=True) is None:
            return None
        listed = git("--git-dir", tree.git_dir, "ls-files", "-s", "-z", env=index.env).decode().split("\0")
        paths = {line.split("\t")[1]: line.split()[1] for line in listed if line}
        names = "".join(f"{sha}\n" for sha in paths.values()).encode()
        raw = git("--git-dir", tree.git_dir, "cat-file", "--batch", stdin=names, env=index.env)
        texts = {}
        for path in paths:
            head, _, raw = raw.partition(b"\n")
            n_bytes = int(head.split()[2])
            texts[path], raw = raw[:n_bytes].decode(), raw[n_bytes + 1 :]
        return texts


def lost(reply: Reply, texts: Mapping[str, str]) -> list[str]:
    """What of the reply is not in the repository."""
    held = {path: set(text.splitlines()) for path, text in texts.items()}
    return [
        *(f"{path}: no file" for path in reply.added if path not in held),
        *(
            f"+{line}"
            for path, lines in reply.added.items()
            for line in lines
            if line not in held.get(path, ())
        ),
        *(
            f"-{line}"
            for path, lines in reply.removed.items()
            for line in lines
            if line in held.get(path, ())
        ),
        *(f"{path}: still there" for path in reply.absent if path in held),
    ]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    repo = tmp_path_factory.mktemp("r") / "r"
    files: dict[str, str | bytes | None] = {
        path: old_text(path) for number in range(N_REPLIES) for path in names(number)
    }
    return Tree(repo / ".git", "o/r", commit(Path(repo), files))


def names(number: int) -> list[str]:
    return [f"f{number}_{n}.txt" for n in range(3)]


@pytest.mark.parametrize("seed", range(20))
def test_every_changed_line_is_in_the_patch_or_said_not_to_be(tree, seed):
    rng = random.Random(seed)
    made = [reply_of(rng, names(number)[: rng.randint(1, 3)]) for number in range(N_REPLIES)]
    texts = {path: old_text(path) for number in range(N_REPLIES) for path in names(number)}
    diffs = []
    for reply in made:
        found = find_diffs(reply.text)
        patches, drafts = drop_drafts(found, texts.get)
        assert not drafts, reply.text
        assert not [line for diff in found for line in diff.stray], reply.text
        diffs.append(repair(patches, texts.get))
    together = after(tree, "".join(diffs))
    for reply, diff in zip(made, diffs, strict=True):
        held = together if together is not None else after(tree, diff)
        assert held is not None, reply.text
        assert lost(reply, held) == [], reply.text


@pytest.mark.parametrize("seed", range(100, 130))
def test_the_runner_takes_them_and_reports_nothing_as_missing(tree, seed):
    reply = reply_of(random.Random(seed), names(0))
    patch, missing = patch_of(tree, reply.text)
    assert missing is None
    texts = after(tree, patch)
    assert texts is not None
    assert lost(reply, texts) == [], reply.text


def test_changed_lines_outside_of_hunks_are_counted():
    (found,) = find_diffs("```diff\n--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-a\n+b\nand then\n+c\n-d\n```")
    assert found.stray == ["+c", "-d"]
