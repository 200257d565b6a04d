"""Mistakes in a YAML file of the user's own: one sentence that names the file and the key."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from yaml import YAMLError

from contexttune.config.user_errors import as_user_error
from contexttune.config.validation import check
from contexttune.errors import ConfigError
from contexttune.instances import slices
from contexttune.interfaces import Dataset
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from tests.command_line import contexttune


def composed(root, text):
    """A configuration whose slice is the file mine.yaml with this text."""
    (root / "slice").mkdir()
    (root / "slice/mine.yaml").write_text(text)
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose("config", overrides=[f"hydra.searchpath=[file://{root}]", "slice=mine"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datset: x.jsonl", "slice/mine.yaml: slice.datset is not a key: did you mean slice.dataset?"),
        ("_target_: my.Dataset", "slice/mine.yaml: slice._target_ is not a key: name the class"),
        ("limit: many", "slice/mine.yaml: slice.limit: Value 'many'"),
        ("[name, dataset]", "slice/mine.yaml: "),
        ("name: a\ndataset: [", "mine.yaml: line 2 is not YAML"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_key(tmp_path, text, words):
    with pytest.raises((HydraException, YAMLError)) as caught:
        composed(tmp_path, text)
    error = as_user_error(caught.value)
    assert isinstance(error, ConfigError)
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("rows.jsonl", r"slice\.dataset=rows\.jsonl: there is no such file"),
        ("rows.csv", r"slice\.dataset=rows\.csv must be a \.jsonl, \.json or \.parquet file"),
        ("{_target_: contexttune.instances.dataset_sources.JsonFile}", r"set slice\.dataset\.location="),
        (
            "{_target_: contexttune.runners.gold.Gold}",
            r"slice\.dataset\._target_=.*Gold must inherit Dataset",
        ),
        ("{_target_: tests.config.test_user_errors.Nowhere}", "Nowhere has no location"),
    ],
)
def test_a_dataset_that_cannot_be_is_refused_by_its_key(tmp_path, monkeypatch, dataset, words):
    monkeypatch.chdir(tmp_path)
    config = composed(tmp_path, f"dataset: {dataset}")
    with pytest.raises(ConfigError, match=words):
        slices.load(check(config).slice)


@dataclass(frozen=True, kw_only=True)
class Nowhere(Dataset):
    version: ClassVar[int] = 1

    def rows(self):
        return []


def test_a_misspelt_key_of_a_file_ends_the_command_with_exit_code_2(tmp_path):
    (tmp_path / "my/slice").mkdir(parents=True)
    (tmp_path / "my/slice/mine.yaml").write_text("datset: x.jsonl")
    done = contexttune("--config-dir", "my", "slice=mine", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: slice/mine.yaml: slice.datset is not a key: did you mean slice.dataset?\n"
