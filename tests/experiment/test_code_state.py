"""The code that runs, told by its commit and a digest of its changes, at submission and on the worker."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contexttune.experiment.code_state import VARIABLE, state_of
from contexttune.paths import PACKAGE
from contexttune.repos.git import git
from tests.command_line import contexttune, environment
from tests.gitrepos import commit

FILES = {
    "contexttune/a.py": "a",
    "conf/b.yaml": "b",
    "README.md": "r",
    ".gitignore": "__pycache__/",
}


@pytest.fixture
def repository(tmp_path):
    """A checkout as ours is laid out, committed."""
    commit(tmp_path / "checkout", FILES)
    return tmp_path / "checkout"


def test_a_clean_checkout_is_its_commit(repository):
    state = state_of(repository)
    head = git("rev-parse", "HEAD", cwd=repository).decode().strip()
    assert state == {"commit": head, "dirty": False, "diff_sha256": None}


def staged(root: Path) -> None:
    (root / "conf/ü.yaml").write_text("x")
    git("add", "conf", cwd=root)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "contexttune/a.py").write_text("b"),
        lambda root: (root / "contexttune/new.py").write_text(""),
        lambda root: (root / "conf/new.yaml").symlink_to("b.yaml"),
        lambda root: (root / "README.md").unlink(),
        staged,
    ],
    ids=["edited", "new", "link", "deleted", "staged"],
)
def test_a_change_shows_and_is_told_from_another(repository, change):
    change(repository)
    state = state_of(repository)
    assert state["dirty"]
    assert state_of(repository) == state
    (repository / "contexttune/another.py").write_text("")
    assert state_of(repository)["diff_sha256"] != state["diff_sha256"]


def test_what_runs_leave_behind_is_no_change(repository):
    (repository / "out/results").mkdir(parents=True)
    (repository / "out/results/run.json").write_text("{}")
    (repository / "contexttune/__pycache__").mkdir()
    (repository / "contexttune/__pycache__/a.pyc").write_text("")
    os.utime(repository / "contexttune/a.py", (1, 1))
    assert not state_of(repository)["dirty"]


def test_settings_of_git_do_not_change_the_digest(repository):
    (repository / "contexttune/a.py").write_text("b")
    state = state_of(repository)
    for key, value in (("diff.noprefix", "true"), ("diff.external", "false"), ("core.quotePath", "false")):
        git("config", key, value, cwd=repository)
    assert state_of(repository) == state


def test_a_directory_that_is_no_checkout_has_no_state(tmp_path):
    assert state_of(tmp_path) == {}
    (tmp_path / ".git").mkdir()
    assert state_of(tmp_path) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_users_is_read_too(repository):
    state = state_of(repository)
    for path in (repository, *repository.rglob("*")):
        os.lchown(path, 12345, 12345)
    assert state_of(repository) == state


@pytest.fixture
def clone(tmp_path):
    """Our own checkout in another place, with what is not committed yet."""
    place = tmp_path / "clone"
    for name in ("contexttune", "conf"):
        shutil.copytree(PACKAGE.parent / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    commit(place, {".gitignore": "__pycache__/"})
    return place


# Imported by the launching process as it checks its jobs, after it has noted what it submits.
EDITOR = """\
from dataclasses import dataclass
from pathlib import Path
from contexttune.contexts.no_context import NoContext

@dataclass(frozen=True, kw_only=True)
class Edited(NoContext):
    pass

(Path({clone!r}) / "contexttune" / "edited_in_the_queue.py").touch()
"""


@pytest.mark.slow
def test_code_that_changed_while_a_job_was_queued_is_a_warning_and_in_the_record(clone, tmp_path):
    (tmp_path / "parts/condition").mkdir(parents=True)
    (tmp_path / "parts/edited.py").write_text(EDITOR.format(clone=str(clone)))
    (tmp_path / "parts/condition/edited.yaml").write_text("_target_: edited.Edited\nname: edited\n")
    done = contexttune(
        *("--config-dir", "parts", "-m", "slice=demo", "slice.limit=1", "runner=gold", "harness=none"),
        *("condition=edited", "seed=0,1", "group_id=g", "hydra/launcher=submitit_local"),
        cwd=tmp_path,
        PYTHONPATH=f"{clone}:{tmp_path / 'parts'}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [
        json.loads(path.read_bytes())["manifest"] for path in tmp_path.glob("results/g/runs/*/run.json")
    ]
    assert len(records) == 2
    for made_of in records:
        assert made_of["changed_since_submission"] is True
        assert made_of["submitted"]["commit"] == made_of["contexttune"]["commit"]
        assert (made_of["submitted"]["dirty"], made_of["contexttune"]["dirty"]) == (False, True)
    logs = "".join(path.read_text() for path in tmp_path.glob("multirun/g/*/*/contexttune.log"))
    assert logs.count("the code changed since the job was submitted") == 2


def python(code: str, submitted: str = "") -> str:
    """What another process prints, which was handed `submitted`."""
    env = environment(**({VARIABLE: submitted} if submitted else {}))
    command = [sys.executable, "-c", f"import os; from contexttune.experiment import code_state as c; {code}"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_what_was_submitted_reaches_another_process_and_is_compared_there():
    compared = "print(c.changed_since(c.submission()))"
    given = python(f"c.note_submission(); print(os.environ['{VARIABLE}'])")
    assert python(compared, given) == "False"
    assert python(compared, json.dumps(json.loads(given) | {"diff_sha256": "another"})) == "True"
    assert python(compared, '{"host": "a machine with an installed package"}') == "None"
    assert python(compared) == "None"
