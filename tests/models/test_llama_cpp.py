"""model/server=llama_cpp with a real llama-cpp-python and a GGUF file that is made here."""

import json
import subprocess

import pytest
import yaml

from contexttune.paths import config_dir
from tests.command_line import contexttune
from tests.conftest import LLAMA_PYTHON, ROOT


@pytest.mark.slow
@pytest.mark.llama
def test_a_real_server_serves_a_run(tmp_path):
    weights = tmp_path / "tiny.gguf"
    subprocess.run([LLAMA_PYTHON, str(ROOT / "tests/models/tiny_gguf.py"), str(weights)], check=True)
    shipped = yaml.safe_load((config_dir() / "model/server/llama_cpp.yaml").read_text())["command"]
    command = [LLAMA_PYTHON if part == "{python}" else part for part in shipped]
    done = contexttune(
        *("slice=demo", "slice.limit=1", "harness=none", "model/server=llama_cpp", "model.name=tiny"),
        f"model.server.weights={weights}",
        f"model.server.command={json.dumps(command)}",
        "model.server.options=[--n_ctx,16384]",
        "model.max_tokens=16",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("artifacts/preds/*/*/*/attempt.json")
    attempt = json.loads(path.read_text())
    assert attempt["status"] in ("limit", "empty_patch")  # random words: an answer, and no patch
    assert attempt["prompt_tokens"] > 1000
    assert 0 < attempt["completion_tokens"] <= 16
    (path,) = tmp_path.glob("results/*/runs/*/run.json")
    served = json.loads(path.read_text())["served"]
    assert served["models"] == ["tiny"]
    assert served["loading_s"] > 0
    assert served["version"].count(".") == 2
