"""Each configuration is composed once, and is what Hydra composes without that."""

import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from contexttune import main
from contexttune.main import run_command

CHECK = ("slice=demo", "harness=none", "runner=gold", "slice.limit=1", "dry_run=true", "group_id=g")
SWEEP = ("-m", *CHECK, "condition=no_context,baseline_context", "hydra.sweep.dir=out")
RUN = (*CHECK, "hydra.run.dir=out")


@pytest.fixture
def composed(monkeypatch):
    """The overrides of each composition, in their order."""
    compose, asked = ConfigLoaderImpl.load_configuration, []

    def count(self, config_name, overrides, *others, **more):
        asked.append(list(overrides))
        return compose(self, config_name, overrides, *others, **more)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", count)
    return asked


@pytest.mark.parametrize(("arguments", "n"), [(RUN, 1), ((*RUN, "hydra.mode=RUN"), 1), (SWEEP, 3)])
def test_each_configuration_is_composed_once(tmp_path, monkeypatch, composed, arguments, n):
    monkeypatch.chdir(tmp_path)
    assert run_command(arguments) == 0
    assert len(composed) == n


@pytest.mark.parametrize("arguments", [RUN, SWEEP])
def test_it_is_what_hydra_composes(tmp_path, monkeypatch, arguments):
    saved = []
    for name in ("once", "often"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert run_command(arguments) == 0
        found = {path: path.read_text() for path in Path().glob("out/**/.hydra/*.yaml")}
        saved.append({path: text.replace(str(Path.cwd()), ".") for path, text in found.items()})
        monkeypatch.setattr(main, "composed_once", nullcontext)
    assert saved[0] == saved[1] != {}
    assert any(re.search(r"^  mode: (RUN|MULTIRUN)$", text, re.MULTILINE) for text in saved[0].values())


def test_a_group_without_a_choice_is_for_sweeps_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "open.yaml").write_text(
        "defaults:\n  - config\n  - override runner: ???\n  - _self_\n"
    )
    monkeypatch.chdir(tmp_path)
    keys = [argument for argument in CHECK if argument != "runner=gold"]
    flags = ["--config-dir", "my", "--config-name", "open"]
    assert run_command([*flags, *keys]) == 2
    assert "You must specify 'runner'" in capsys.readouterr().err
    assert run_command([*flags, "-m", *keys, "runner=gold,empty"]) == 0


def test_hydra_is_left_as_it_was(tmp_path, monkeypatch):
    before = ConfigLoaderImpl.load_configuration
    monkeypatch.chdir(tmp_path)
    run_command(RUN)
    assert ConfigLoaderImpl.load_configuration is before
