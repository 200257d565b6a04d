"""Build contexttune/demo out of scripts/demo: git bundles, and the task repository that swebench reads.

    python scripts/build_demo.py [--out DIR]

A folder scripts/demo/<owner>__<name> holds a history as format-patch mails; scripts/demo/issues holds one
problem statement an instance. Instance <owner>__<name>-<N> is the commit whose subject ends in (#N), its
base_commit that commit's parent. Commits are the same on every machine; so is all that is written, but for
the packs inside the bundles, which are therefore left alone as long as they hold the right commits.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contexttune.repos.git import environment, git, try_git
from contexttune.system.files import write_atomic

SOURCES = Path(__file__).resolve().parent / "demo"
DEMO = Path(__file__).resolve().parent.parent / "contexttune" / "demo"
DATASET = "contexttune/demo"
LOG_PARSER = "parse_log_django"  # reads what unittest prints with -v
TEST_ID = re.compile(r"\w+ \([\w.]+\)")  # the parser also yields the bare names of its FAIL: lines
COMMITTER = {"GIT_COMMITTER_NAME": "ctdemo", "GIT_COMMITTER_EMAIL": "ctdemo@example.invalid"}

EVAL_SH = """\
#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff {base}
git checkout {base} {reset}
git apply -v - <<'EOF_114329324912'
{test_patch}
EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v {modules}
: '>>>>> End Test Output'
git checkout {base} {reset}
"""
DOCKERFILE = """\
ARG BASE=contexttune-demo-base:1
FROM ${BASE}
ADD testbed.tar /testbed/
WORKDIR /testbed
STOPSIGNAL SIGKILL
"""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A fix commit as a task. Paths are relative to the repository and `/`-separated."""

    repo: str
    instance_id: str
    base: str
    gold_patch: bytes
    test_patch: bytes
    test_files: tuple[str, ...]  # files the test patch changes, all there at `base`

    @property
    def modules(self) -> list[str]:
        return [path.removesuffix(".py").replace("/", ".") for path in self.test_files]


def replay(series: Path, repo: Path) -> None:
    """Turn the mails of `series` into the branch main of a new repository."""
    git("init", "-q", "-b", "main", repo)
    mails = sorted(series.glob("*.patch"))
    git("am", "-q", "--committer-date-is-author-date", *mails, cwd=repo, env=COMMITTER)


def write_bundle(repo: Path, bundle: Path) -> None:
    """Bundle main, unless the bundle that is there ends in the same commit."""
    if bundle.exists() and bundle_head(bundle) == git("rev-parse", "main", cwd=repo).decode().strip():
        return
    bundle.parent.mkdir(parents=True, exist_ok=True)
    git("-c", "pack.threads=1", "bundle", "create", "-q", bundle, "HEAD", "main", cwd=repo)


def bundle_head(bundle: Path) -> str | None:
    """The commit main is at, or None for a file that is no bundle."""
    heads = try_git("bundle", "list-heads", bundle.resolve(), "refs/heads/main")
    return heads.stdout.decode().split(" ")[0] if heads.returncode == 0 else None


def find_fix(repo: Path, slug: str, number: str) -> Fix:
    """The commit whose subject ends in (#number). Raises SystemExit when there is not exactly one."""
    log = git("log", "--format=%H %s", "main", cwd=repo).decode().splitlines()
    found = [line.split(" ")[0] for line in log if line.endswith(f"(#{number})")]
    if len(found) != 1:
        raise SystemExit(f"scripts/demo/{slug}: {len(found)} commits end in (#{number}), expected one")
    base = git("rev-parse", f"{found[0]}^", cwd=repo).decode().strip()
    names = _diff(repo, base, found[0], "--name-only", "--", "tests").decode().split()
    return Fix(
        repo=slug.replace("__", "/"),
        instance_id=f"{slug}-{number}",
        base=base,
        gold_patch=_diff(repo, base, found[0], "--", ".", ":(exclude)tests"),
        test_patch=_diff(repo, base, found[0], "--", "tests"),
        test_files=tuple(names),
    )


def _diff(repo: Path, base: str, fix: str, *more: str) -> bytes:
    # by default the length of abbreviated ids grows with the repository
    return git("diff", "--abbrev=10", "--no-renames", base, fix, *more, cwd=repo)


def grade(repo: Path, fix: Fix) -> dict[str, list[str]]:
    """FAIL_TO_PASS and PASS_TO_PASS, found by running the tests without and with the gold patch.

    Raises SystemExit when no test needs the fix, or when a test fails with it.
    """
    git("checkout", "-q", "--force", "--detach", fix.base, cwd=repo)
    git("apply", "-", cwd=repo, stdin=fix.test_patch)
    before = run_tests(repo, fix.modules)
    git("apply", "-", cwd=repo, stdin=fix.gold_patch)
    after = run_tests(repo, fix.modules)
    passing = sorted(test for test, status in after.items() if status == "PASSED")
    if len(passing) != len(after):
        raise SystemExit(f"{fix.instance_id}: {sorted(set(after) - set(passing))} fail with the gold patch")
    tests = {
        "FAIL_TO_PASS": [test for test in passing if before.get(test) != "PASSED"],
        "PASS_TO_PASS": [test for test in passing if before.get(test) == "PASSED"],
    }
    if not tests["FAIL_TO_PASS"]:
        raise SystemExit(f"{fix.instance_id}: no test fails without the gold patch")
    return tests


def run_tests(repo: Path, modules: list[str]) -> dict[str, str]:
    """Test id -> status, in the words of swebench's parser."""
    from swebench.harness.log_parsers import PARSER_REGISTRY

    command = [sys.executable, "-B", "-m", "unittest", "-v", *modules]
    done = subprocess.run(
        command, cwd=repo, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    statuses: dict[str, str] = PARSER_REGISTRY[LOG_PARSER](done.stdout.decode(), None)
    return {test: status for test, status in statuses.items() if TEST_ID.fullmatch(test)}


def write_task(folder: Path, fix: Fix, statement: str, tests: dict[str, list[str]]) -> None:
    """The files of one task, in the shape of a swebench 5 task repository."""
    from swebench.task.checks import expected_image
    from swebench.task.repo import dump_tests, dump_yaml

    about = {
        "base_commit": fix.base,
        "datasets": [DATASET],
        "eval_type": "pass_and_fail",
        "image": expected_image(fix.instance_id),
        "instance_id": fix.instance_id,
        "log_parser": LOG_PARSER,
        "repo": fix.repo,
        "split": "test",
        "version": "1.0",
    }
    script = EVAL_SH.format(
        base=fix.base,
        reset=" ".join(fix.test_files),
        test_patch=fix.test_patch.decode(),
        modules=" ".join(fix.modules),
    )
    write_atomic(folder / "task.yaml", dump_yaml(about))
    write_atomic(folder / "tests.json", dump_tests(tests))
    write_atomic(folder / "problem_statement.md", statement)
    write_atomic(folder / "gold.patch", fix.gold_patch)
    write_atomic(folder / "test.patch", fix.test_patch)
    write_atomic(folder / "eval.sh", script)
    write_atomic(folder / "Dockerfile", DOCKERFILE)


def build(series: Path, out: Path) -> list[str]:
    """One repository with its tasks; returns their instance ids."""
    ids = []
    with tempfile.TemporaryDirectory(prefix="build_demo.") as scratch:
        repo = Path(scratch) / series.name
        replay(series, repo)
        write_bundle(repo, out.resolve() / "repos" / f"{series.name}.bundle")
        for issue in sorted((SOURCES / "issues").glob(f"{series.name}-*.md")):
            fix = find_fix(repo, series.name, issue.stem.rpartition("-")[2])
            write_task(out / "tasks" / fix.instance_id, fix, issue.read_text("utf-8"), grade(repo, fix))
            ids.append(fix.instance_id)
    return ids


def main() -> None:
    """Build everything, and remove the tasks that are no more."""
    parser = argparse.ArgumentParser(description="Build the demo's repositories and tasks.")
    parser.add_argument("--out", type=Path, default=DEMO, help="where to (default: contexttune/demo)")
    out: Path = parser.parse_args().out
    ids = [one for series in sorted(SOURCES.glob("*__*")) for one in build(series, out)]
    write_atomic(out / "sweb.yaml", f"datasets:\n- {DATASET}\nsplits:\n- test\n")
    for folder in (out / "tasks").iterdir():
        if folder.name not in ids:
            shutil.rmtree(folder)
    print("\n".join(ids))


if __name__ == "__main__":
    main()
