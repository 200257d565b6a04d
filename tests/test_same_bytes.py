"""Two builds in different directories, with different hash seeds and locales, have the same bytes."""

from __future__ import annotations

from tests.command_line import contexttune
from tests.gitrepos import commit
from tests.repos.test_cold_cache import artifacts, write_rows

_BODY = "class C{n}:\n    def m(self, x={n}):\n        return x\n\n\ndef f{n}(a, *b):\n    return C{n}\n\n\n"


def _files() -> dict[str, str | bytes | None]:
    files: dict[str, str | bytes | None] = {
        f"lib/p{n % 7}/m{n}.py": f"from lib.p{(n + 1) % 7} import m{n + 1}\n\n\n" + _BODY.format(n=n) * 5
        for n in range(120)
    }
    files |= {
        "lib/grüße.py": "# ä\ndef ümlaut(): pass\n",
        "lib/İ.py": "",
        "lib/z.py": "x = 'latin \xe9'\n".encode("latin-1"),
    }
    return files | {f"lib/p{n}/__init__.py": "from .m1 import *\n" for n in range(7)}


def test_builds_do_not_depend_on_place_hash_seed_or_locale(tmp_path):
    first = commit(tmp_path / "remotes/lib", _files())
    changed = {f"lib/p{n % 7}/m{n}.py": _BODY.format(n=n + 1) for n in range(0, 60)}
    second = commit(tmp_path / "remotes/lib", changed, "change", day=2)
    write_rows(tmp_path, [first, second], "ümlaut of C7.m")
    made = []
    for place, hash_seed, locale in (
        ("a", "0", "C"),
        ("a longer/place", "4711", "C.UTF-8"),
        ("c", "9", "tr_TR"),
    ):
        root = tmp_path / place
        root.mkdir(parents=True)
        for condition in ("repo_map", "issue_map"):
            done = contexttune(
                *("slice=custom", f"slice.dataset={tmp_path}/rows.jsonl", "stages=[signals,context]"),
                f"condition={condition}",
                f'workspace.remote="file://{tmp_path}/remotes/{{name}}"',
                cwd=root,
                PYTHONHASHSEED=hash_seed,
                LC_ALL=locale,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        made.append(artifacts(root))
    assert len([name for name in made[0] if name.endswith("signals.json")]) == 2
    assert len([name for name in made[0] if name.endswith(".md")]) == 4
    assert made[0] == made[1] == made[2]
