"""What every sandbox may read of the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contexttune.paths import PACKAGE

_SHOW = """
import subprocess, sys
from contexttune.sandbox.bubblewrap import find_bwrap, system_flags
shown = [sys.executable, "-c", "import json, sys; print(sys.prefix)"]
for command in (shown, ["cat", sys.argv[1]]):
    subprocess.run([find_bwrap(), "--unshare-all", *system_flags(), *command])
"""


@pytest.mark.bwrap
def test_a_python_that_is_linked_into_a_home_shows_nothing_of_the_home(tmp_path: Path) -> None:
    commands = tmp_path / "home" / "bin"
    commands.mkdir(parents=True)
    private = tmp_path / "home" / "id_rsa"
    private.write_text("a private key")
    program = Path(sys.executable).resolve()
    (commands / "python-linked").symlink_to(program)
    (commands / program.name).symlink_to("python-linked")
    made = tmp_path / "home" / "venv"
    subprocess.run([commands / program.name, "-m", "venv", "--without-pip", made], check=True)
    done = subprocess.run(
        [made / "bin" / "python", "-c", _SHOW, private],
        env={"PYTHONPATH": str(PACKAGE.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{made}\n", done.stderr
    assert "No such file" in done.stderr
