"""A repository that is made up, for benchmarks that are given none."""

from __future__ import annotations

from pathlib import Path

from contexttune.repos.git import git

_HEAD = (
    '"""Module {n} of the synthetic package."""\n\nimport os\nfrom bench.part{other} import Thing{other}\n\n'
)
_CLASS = '''
class Thing{n}x{k}(Thing{other}):
    """A thing; a docstring with words in it, and
    def nothing(in_it): pass
    """

    def method(self, first: int, second: str = "a", *rest: object) -> dict[str, int]:
        """Say what it does."""
        values = [first * i for i in range(10) if i % 2]
        if values and second:
            return {{"a": values[0], "b": len(second)}}
        return {{"c": len(rest)}}

    def other(self, path=os.sep):
        total = 0
        for index, part in enumerate(path.split("/")):
            total += index * len(part)
        return total

'''


def synthetic(scratch: Path, n_modules: int = 600, n_classes: int = 10) -> Path:
    """A repository of 600 modules and 120,000 lines; its last commit changed 5 % of the modules."""
    work = scratch / "synthetic"
    package = work / "bench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for n in range(n_modules):
        other = (n * 7 + 1) % n_modules
        body = "".join(_CLASS.format(n=n, k=k, other=other) for k in range(n_classes))
        (package / f"part{n}.py").write_text(_HEAD.format(n=n, other=other) + body)
    git("init", "--quiet", cwd=work)
    commit_all(work)
    for n in range(0, n_modules, 20):
        with (package / f"part{n}.py").open("a") as sink:
            sink.write("\n\ndef added():\n    return 1\n")
    commit_all(work)
    return work / ".git"


def commit_all(work: Path) -> None:
    """Commit all that is there, always at the same date."""
    who = {"NAME": "bench", "EMAIL": "bench@example.org", "DATE": "2020-01-01T00:00:00Z"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    git("add", ".", cwd=work)
    git("commit", "--quiet", "--no-gpg-sign", "-m", "state", cwd=work, env=env)
