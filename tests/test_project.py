"""The project's own files: what pip users install, and what a wheel holds."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_requirements_txt_is_exported_from_the_lock(tmp_path):
    uv = Path(sys.executable).parent / "uv"
    flags = ("--frozen", "--quiet", "--no-dev", "--no-hashes")
    exported = run(uv, "export", *flags, cwd=ROOT, UV_OFFLINE="1", UV_PYTHON_DOWNLOADS="never")

    def pins(text: str) -> list[str]:
        return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert pins((ROOT / "requirements.txt").read_text()) == pins(exported)


def test_a_wheel_works_from_any_directory(tmp_path):
    """Installed over nothing of the checkout: its own conf/, its own demo."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    files = {path.rpartition("/")[2] for path in ZipFile(wheel).namelist()}
    assert {"page.html.jinja", "page.css", "matrix.js", "instance.js", "start.js"} <= files  # of the report
    site = tmp_path / "site"
    run(
        Path(sys.executable).parent / "uv",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        site,
        wheel,
        cwd=tmp_path,
        UV_OFFLINE="1",
    )
    away = tmp_path / "away"
    away.mkdir()
    where = run(
        sys.executable,
        "-c",
        "import contexttune; print(contexttune.__file__)",
        cwd=away,
        PYTHONPATH=str(site),
    )
    assert Path(where.strip()).is_relative_to(site)
    command = (sys.executable, "-m", "contexttune", "runner=gold", "slice=demo", "harness=none")
    run(*command, cwd=away, PYTHONPATH=str(site))
    assert len(list(away.glob("artifacts/contexts/*/*/context.md"))) == 6


@pytest.mark.parametrize("name", ["work/main", "work/shared", "pytest-of"])
def test_nothing_of_a_machine_is_in_the_project(name):
    tracked = run("git", "ls-files", cwd=ROOT).split()
    holding = [f for f in tracked if (ROOT / f).is_file() and f"/{name}".encode() in (ROOT / f).read_bytes()]
    assert holding == []
