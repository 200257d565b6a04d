"""CONTEXTTUNE_REQUIRE turns skips into failures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MARKED = "import pytest\n@pytest.mark.docker\ndef test_it(): pass\n"


def run_pytest(tmp_path: Path, required: str) -> subprocess.CompletedProcess[str]:
    """A test that is marked `docker`, under our conftest, where no engine answers."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_marked.py").write_text(MARKED)
    environment = {**os.environ, "CONTEXTTUNE_REQUIRE": required, "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    return subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("required", "status", "words"),
    [
        ("", 0, "no working docker here"),
        ("bwrap", 0, "1 skipped"),
        ("docker", 1, "CONTEXTTUNE_REQUIRE names docker, which does not work here"),
        ("docker,dokcer", 4, "CONTEXTTUNE_REQUIRE names dokcer; it knows docker, podman, slurm, bwrap"),
    ],
)
def test_a_missing_part_skips_unless_it_is_required(
    tmp_path: Path, required: str, status: int, words: str
) -> None:
    done = run_pytest(tmp_path, required)
    assert done.returncode == status, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
