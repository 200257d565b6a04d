"""The backend without containers, in a real bubblewrap."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest

from contexttune.errors import PreflightError
from contexttune.harness.local import Local
from contexttune.system.files import read_json
from contexttune.types import GoldInstance, Outcome
from tests.harness import toy_tasks

MATRIX = {
    "ctlab__calc-gold": (toy_tasks.GOLD, "resolved", None),
    "ctlab__calc-noop": (toy_tasks.NO_OP, "unresolved", None),
    "ctlab__calc-malformed": (toy_tasks.MALFORMED, "error", "patch_apply_failed"),
    "ctlab__calc-empty": ("", "empty_patch", None),
    "ctlab__calc-endless": (toy_tasks.ENDLESS, "error", "tests_timed_out"),
    "ctlab__calc-spoof": (toy_tasks.SPOOF, "unresolved", None),
    "ctlab__calc-killed": (toy_tasks.core_patch(preamble="import os\nos.kill(os.getppid(), 9)\n"), "infra_error", "tests_did_not_end"),
    "ctlab__calc-flood": (toy_tasks.core_patch(preamble="while True:\n    print('x' * 100_000)\n"), "error", "output_too_long"),
}  # fmt: skip


@pytest.fixture
def local(toy_repo: Path, tmp_path: Path) -> Local:
    """The backend for tasks and patches of anybody's."""
    return Local(workspace=toy_tasks.workspace(toy_repo, tmp_path / "cache"), bundled=False, timeout_s=20)


@pytest.fixture
def no_bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose only command is git."""
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(commands))


def grade(
    local: Local, instances: list[GoldInstance], patches: dict[str, str], out_dir: Path
) -> dict[str, Outcome]:
    predictions = toy_tasks.write_predictions(out_dir.with_suffix(".jsonl"), patches)
    several = toy_tasks.copies(instances[0], *patches)
    return local.evaluate(predictions, several, out_dir)


def output_of(local: Local, instances: list[GoldInstance], preamble: str, out_dir: Path) -> str:
    """What the tests print when the patched module starts with `preamble`."""
    outcomes = grade(local, instances, {"probe": toy_tasks.core_patch(preamble=preamble)}, out_dir)
    assert outcomes == {"probe": Outcome.RESOLVED}  # the probe itself must have run to its end
    text = (out_dir / "probe" / "test_output.txt").read_text()
    return text.split(">>>>> Start Test Output")[1]  # before it stands the diff of the patch


@pytest.mark.bwrap
class TestInASandbox:
    def test_each_kind_of_patch_gets_its_outcome_and_reason(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        hasty = Local(workspace=local.workspace, bundled=False, timeout_s=5)
        outcomes = grade(
            hasty, instances, {name: patch for name, (patch, _, _) in MATRIX.items()}, tmp_path / "out"
        )
        written = read_json(tmp_path / "out" / "outcomes.json")
        assert outcomes == {name: outcome for name, (_, outcome, _) in MATRIX.items()}
        assert {name: entry["reason"] for name, entry in written.items()} == {
            n: m[2] for n, m in MATRIX.items()
        }

    def test_a_verdict_is_reused_for_the_same_patch_only(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        patches = {"ctlab__calc-a": toy_tasks.GOLD, "ctlab__calc-b": toy_tasks.GOLD}
        grade(local, instances, patches, tmp_path / "out")
        report = {name: tmp_path / "out" / name / "report.json" for name in patches}
        before = {name: path.stat().st_mtime_ns for name, path in report.items()}
        outcomes = grade(local, instances, {**patches, "ctlab__calc-b": toy_tasks.NO_OP}, tmp_path / "out")
        assert outcomes == {"ctlab__calc-a": Outcome.RESOLVED, "ctlab__calc-b": Outcome.UNRESOLVED}
        after = {name: path.stat().st_mtime_ns for name, path in report.items()}
        assert {name for name in patches if before[name] != after[name]} == {"ctlab__calc-b"}

    def test_the_report_of_an_earlier_patch_does_not_speak_for_one_that_hangs(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        hasty = Local(workspace=local.workspace, bundled=False, timeout_s=5)
        grade(hasty, instances, {"ctlab__calc-a": toy_tasks.GOLD}, tmp_path / "out")
        outcomes = grade(hasty, instances, {"ctlab__calc-a": toy_tasks.ENDLESS}, tmp_path / "out")
        assert outcomes == {"ctlab__calc-a": Outcome.ERROR}

    def test_directories_too_deep_for_python_cost_no_verdict(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "scratch").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
        nest = (
            "import os\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nos.chdir('/testbed')\n"
        )
        patches = {
            "ctlab__calc-deep": toy_tasks.core_patch(preamble=nest),
            "ctlab__calc-gold": toy_tasks.GOLD,
        }
        assert set(grade(local, instances, patches, tmp_path / "out").values()) == {Outcome.RESOLVED}
        assert list((tmp_path / "scratch").iterdir()) == []

    def test_a_row_that_cannot_be_graded_costs_its_own_verdict_only(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        patches = {"ctlab__calc-bad": toy_tasks.GOLD, "ctlab__calc-good": toy_tasks.GOLD}
        bad, good = toy_tasks.copies(instances[0], *patches)
        bad = toy_tasks.instance({**bad.row, "log_parser": "no_such_parser"})
        predictions = toy_tasks.write_predictions(tmp_path / "preds.jsonl", patches)
        assert local.evaluate(predictions, [bad, good], tmp_path / "out") == {
            "ctlab__calc-bad": Outcome.INFRA_ERROR,
            "ctlab__calc-good": Outcome.RESOLVED,
        }

    def test_a_damaged_outcomes_file_is_graded_anew(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "outcomes.json").write_text('{"ctlab__calc-a": ')
        assert grade(local, instances, {"ctlab__calc-a": toy_tasks.GOLD}, tmp_path / "out") == {
            "ctlab__calc-a": Outcome.RESOLVED
        }

    def test_tests_see_neither_environment_nor_home_nor_files_of_the_host(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / "private.txt").write_text("planted-in-home")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("SOME_API_KEY", "planted-in-environment")
        probe = (
            "import os, pathlib\n"
            f"print('HOST HOME', pathlib.Path('{home}').exists(), pathlib.Path('{Path(__file__).parent}').exists())\n"
            "print('ENV', sorted(os.environ.items()), os.listdir('/'), os.listdir(os.environ['HOME']))\n"
        )
        seen = output_of(local, instances, probe, tmp_path / "out")
        assert "HOST HOME False False" in seen
        assert "ENV [" in seen
        assert "planted" not in seen
        assert "SOME_API_KEY" not in seen

    def test_tests_have_no_network_not_even_to_this_machine(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            socket.create_connection(("127.0.0.1", port)).close()  # it can be reached from out here
            probe = (
                "import socket\n"
                f"with socket.socket() as s: print('CONNECT', s.connect_ex(('127.0.0.1', {port})))\n"
            )
            seen = output_of(local, instances, probe, tmp_path / "out")
        assert re.search(r"CONNECT [1-9]", seen)

    def test_python_inside_is_the_interpreter_that_runs_this(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        import sys

        seen = output_of(
            local,
            instances,
            "import sys\nprint('PYTHON', sys.prefix, sys.version_info[:3])\n",
            tmp_path / "out",
        )
        assert f"PYTHON {sys.prefix} {sys.version_info[:3]}" in seen

    def test_the_checkout_holds_one_commit(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        probe = "import subprocess\nprint('COMMITS', subprocess.getoutput('git rev-list --all --count'))\n"
        assert "COMMITS 1\n" in output_of(local, instances, probe, tmp_path / "out")

    def test_what_tests_leave_running_dies_with_them(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path
    ) -> None:
        mark = f"{time.time_ns()}"  # seconds that only this test would sleep for
        probe = f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)\n"
        output_of(local, instances, probe, tmp_path / "out")
        commands = [_command(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert not [command for command in commands if mark in command]

    def test_it_says_that_the_numbers_are_unofficial(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        grade(local, instances, {"ctlab__calc-a": ""}, tmp_path / "out")
        assert caplog.text.count("unofficial") == 1
        assert not Local.official


class TestWithoutBubblewrap:
    def test_other_peoples_patches_are_refused_with_a_remedy(
        self, local: Local, instances: list[GoldInstance], tmp_path: Path, no_bwrap: None
    ) -> None:
        with pytest.raises(PreflightError, match="harness=swebench_docker"):
            local.preflight(instances)
        with pytest.raises(PreflightError):
            grade(local, instances, {"ctlab__calc-a": toy_tasks.GOLD}, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_bundled_tasks_are_graded_all_the_same_and_it_says_so(
        self,
        local: Local,
        instances: list[GoldInstance],
        tmp_path: Path,
        no_bwrap: None,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SOME_API_KEY", "planted-in-environment")
        bundled = Local(workspace=local.workspace, bundled=True, timeout_s=20)
        bundled.preflight(instances)
        patches = {
            "ctlab__calc-a": toy_tasks.GOLD,
            "ctlab__calc-b": toy_tasks.NO_OP,
            "ctlab__calc-c": toy_tasks.MALFORMED,
        }
        outcomes = grade(bundled, instances, patches, tmp_path / "out")
        assert list(outcomes.values()) == [Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.ERROR]
        assert "without a sandbox" in caplog.text
        probe = "import os\nprint('ENV', sorted(os.environ))\n"
        assert "SOME_API_KEY" not in output_of(bundled, instances, probe, tmp_path / "probe")


def _command(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_bubblewrap_that_the_kernel_refuses_is_as_good_as_none(
    local: Local, instances: list[GoldInstance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bwrap").write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(PreflightError, match="refused by the kernel"):
        local.preflight(instances)
