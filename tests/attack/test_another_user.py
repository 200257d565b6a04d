"""The same attacks by a user without root's permissions."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

NOBODY = 65534
ROOT = Path(__file__).parent.parent.parent
PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"  # our own may be in root's home

pytestmark = [
    pytest.mark.bwrap,
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="the other tests run as this user already"),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON} here"),
]


@pytest.mark.parametrize("name", ["test_bubblewrap.py", "test_patch_collection.py"])
def test_they_fail_for_another_user_too(name, tmp_path_factory):
    home = tmp_path_factory.getbasetemp().parent.parent / f"nobody-{os.getpid()}-{name}"
    home.mkdir(mode=0o755)
    os.chown(home, NOBODY, NOBODY)
    variables = {
        **{"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        **{"PYTHONPATH": sysconfig.get_path("purelib"), "TMPDIR": str(home), "CONTEXTTUNE_REQUIRE": "bwrap"},
    }
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/attack/{name}"],
        cwd=ROOT,
        env=variables,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
