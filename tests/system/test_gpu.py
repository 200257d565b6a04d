"""GPU sampling, against a program called nvidia-smi that answers as the real one does: this machine need not have a GPU."""

import csv
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from contexttune.system import gpu
from tests.command_line import contexttune, start
from tests.models.families import alive, comes_true, gone
from tests.models.fault_server import ok, serving, stall

HEADER = "timestamp,index,name,utilization_percent,memory_used_mib,power_w"
FAKE = """#!{python}
import os, pathlib, sys, time
home = pathlib.Path({home!r})
with (home / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
assert sys.argv[1] == "--query-gpu=timestamp,index,name,utilization.gpu,memory.used,power.draw"
assert sys.argv[2] == "--format=csv,noheader,nounits"
loops = [part for part in sys.argv if part.startswith("--loop=")]
if loops:
    (home / "part").write_text(str(os.getpid()))
    (home / "part").rename(home / "pid")
for n in range(10_000 if loops else 1):
    {body}
    print(f"2026/11/25 09:00:0{{n % 10}}.000, 0, NVIDIA H100, {{min(10 * n, 90)}}, {{1000 + n}}, 100.50", flush=True)
    print(f"2026/11/25 09:00:0{{n % 10}}.000, 1, NVIDIA A100, [N/A], 500, [N/A]", flush=True)
    time.sleep(0.02)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A maker of the program, first on PATH; `body` runs before each sample."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    home = tmp_path / "bin"

    def make(body: str = "pass") -> Path:
        home.mkdir()
        program = home / "nvidia-smi"
        program.write_text(FAKE.format(python=sys.executable, home=str(home), body=body))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
        return home

    return make


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "gpu.csv").open(newline="") as source:
        return list(csv.DictReader(source, skipinitialspace=True))


def test_gpus_are_sampled_while_the_block_lasts(install, tmp_path):
    home = install()
    with gpu.sampled(tmp_path / "run"):
        assert comes_true(lambda: len(rows(tmp_path / "run")) >= 30, 30)
    assert gone([int((home / "pid").read_text())], 0)
    assert (tmp_path / "run/gpu.csv").read_text().splitlines()[0] == HEADER
    found = gpu.summary(tmp_path / "run")["gpu"]
    assert found["samples"] == len(rows(tmp_path / "run"))
    assert found["names"] == {"0": "NVIDIA H100", "1": "NVIDIA A100"}
    assert found["utilization_percent_max"] == 90
    assert 0 < found["utilization_percent_mean"] < 90
    assert found["memory_used_mib_max"] >= 1010
    assert found["power_w_mean"] == 100.5


def test_a_later_session_adds_to_the_file_after_a_torn_line(install, tmp_path):
    install()
    (tmp_path / "gpu.csv").write_text(
        f"{HEADER}\n2026/11/25 09:00:00.000, 0, NVIDIA H100, 7, 64000, 1\n2026/11/25 09:"
    )
    with gpu.sampled(tmp_path):
        assert comes_true(lambda: len(rows(tmp_path)) >= 6, 30)
    assert (tmp_path / "gpu.csv").read_text().count(HEADER) == 1
    found = gpu.summary(tmp_path)["gpu"]
    assert found["memory_used_mib_max"] == 64000
    assert found["names"] == {"0": "NVIDIA H100", "1": "NVIDIA A100"}


@pytest.mark.parametrize("body", ["sys.exit(9)", "sys.exit(0)"])
def test_a_driver_without_gpus_is_as_none(install, tmp_path, body):
    install(body)
    with gpu.sampled(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()
    assert gpu.summary(tmp_path / "run") == {}


def test_without_nvidia_smi_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with gpu.sampled(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_the_death_of_nvidia_smi_is_said_and_keeps_what_was_sampled(install, tmp_path, caplog):
    home = install("n == 3 and loops and os.kill(os.getpid(), 9)")
    with gpu.sampled(tmp_path / "run"):
        assert comes_true((home / "pid").exists, 30)
        assert gone([int((home / "pid").read_text())], 30)
    assert "nvidia-smi ended before the run, with status -9" in caplog.text
    assert gpu.summary(tmp_path / "run")["gpu"]["samples"] == 6


@pytest.mark.parametrize(
    ("visible", "chosen"),
    [
        ("2,3", "--id=2,3"),
        ("GPU-8a0f-1,1", "--id=GPU-8a0f-1,1"),
        ("MIG-1f", ""),
        ("", ""),
        ("NoDevFiles", ""),
    ],
)
def test_only_the_gpus_of_this_job_are_sampled(monkeypatch, visible, chosen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [part for part in gpu._query() if part.startswith("--id")] == ([chosen] if chosen else [])


KEYS = [
    "slice=demo",
    "slice.limit=1",
    "condition=no_context",
    "harness=none",
    "model.name=m",
    "model.api_key_env=null",
]


def the_record(root: Path) -> dict:
    (path,) = root.glob("results/*/runs/*/run.json")
    return json.loads(path.read_text())


def test_a_run_records_what_its_gpus_did(install, tmp_path):
    home = install()

    def when_sampled(handler):
        (path,) = tmp_path.glob("results/*/runs/*/gpu.csv")
        assert comes_true(lambda: len(rows(path.parent)) > 2, 60)
        ok()(handler)

    with serving(ok("{}"), when_sampled) as server:
        done = contexttune(*KEYS, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("results/*/runs/*/gpu.csv")
    assert the_record(tmp_path)["gpu"] == gpu.summary(path.parent)["gpu"]
    assert gone([int((home / "pid").read_text())], 0)


def test_a_run_without_gpus_says_nothing_of_them(tmp_path):
    if gpu._answers(gpu._query()):
        pytest.skip("this machine has a GPU")
    with serving(ok()) as server:
        done = contexttune(*KEYS, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gpu" not in the_record(tmp_path)
    assert not list(tmp_path.rglob("gpu.csv"))


def test_a_killed_job_leaves_no_sampler_and_its_samples(install, tmp_path):
    home = install()
    with serving(ok("{}"), stall(60)) as server:
        job = start(*KEYS, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        assert comes_true((home / "pid").exists, 60)
        sampler = int((home / "pid").read_text())
        assert alive(sampler)
        (path,) = tmp_path.glob("results/*/runs/*/gpu.csv")
        assert comes_true(lambda: len(rows(path.parent)) > 2, 30)
        os.kill(job.pid, signal.SIGKILL)
        job.communicate(timeout=60)
        assert gone([sampler], 30)
    assert gpu.summary(path.parent)["gpu"]["samples"] > 2
