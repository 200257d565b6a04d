"""Datasets: what a location names, and one of its own kind."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hydra import compose, initialize_config_dir

from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.experiment import identity
from contexttune.experiment.cell import cell_of
from contexttune.instances import slices
from contexttune.instances.dataset_sources import configured_dataset
from contexttune.interfaces import Dataset
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from tests.instances.test_slices import row

HERE = "tests.instances.test_dataset_sources"


@dataclass(frozen=True, kw_only=True)
class Numbered(Dataset):
    """A benchmark with its own kind of dataset."""

    version: ClassVar[int] = 1
    location: str = "numbered"
    count: int

    @property
    def n_rows(self) -> int:
        return self.count

    def rows(self) -> list[dict[str, Any]]:
        return [row(number) for number in range(self.count)]


@pytest.fixture
def cell(tmp_path):
    """A cell, with an option `numbered` of slice."""
    (tmp_path / "slice").mkdir()
    (tmp_path / "slice" / "numbered.yaml").write_text(
        f"name: numbered\ndataset:\n  _target_: {HERE}.Numbered\n  count: 3\n"
    )
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        search = f"hydra.searchpath=[file://{tmp_path}]"
        yield lambda *overrides: cell_of(compose("config", overrides=[search, *overrides]))


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("SWE-bench/SWE-bench_Verified", "HubDataset"),
        ("rows.jsonl", "JsonFile"),
        ("rows.JSON", "JsonFile"),
        ("rows.parquet", "ParquetFile"),
        ("package://contexttune/demo", "TaskRepository"),
    ],
)
def test_the_form_of_a_location_tells_the_kind_of_dataset(location, kind):
    assert type(configured_dataset(SliceConfig(dataset=location))).__name__ == kind


@pytest.mark.parametrize("files", [("dataset_info.json",), ("dataset_dict.json",)])
def test_a_directory_that_datasets_saved_is_recognized(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("{}")
    assert type(configured_dataset(SliceConfig(dataset=str(tmp_path)))).__name__ == "SavedDataset"


def test_a_directory_of_no_known_form_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"slice\.dataset="):
        configured_dataset(SliceConfig(dataset=str(tmp_path)))
    with pytest.raises(ConfigError, match="no such file"):
        slices.load(SliceConfig(dataset=str(tmp_path / "absent.parquet")))
    with pytest.raises(ConfigError, match=r"slice\.dataset is not set"):
        slices.load(SliceConfig())


def test_a_benchmark_is_one_class_and_one_yaml(cell):
    made = cell("slice=numbered", "slice.limit=2")
    assert [instance.instance_id for instance in made.instances] == ["a__b-0", "a__b-1"]
    assert len(cell("slice=numbered", "slice.dataset.count=5").instances) == 5


def test_a_remote_dataset_is_counted_without_its_rows(cell, monkeypatch):
    monkeypatch.setattr(Numbered, "rows", lambda self: pytest.fail("rows were loaded"))
    monkeypatch.setattr(Numbered, "is_local", False)
    assert slices.count(cell("slice=numbered", "slice.dataset.count=9").config.slice) == 9


def test_the_command_line_puts_a_file_in_the_place_of_a_dataset(cell, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(row(7)))
    made = cell("slice=numbered", f"slice.dataset={tmp_path}/rows.jsonl")
    assert [instance.instance_id for instance in made.instances] == ["a__b-7"]


def test_the_group_is_named_by_class_version_and_keys_of_the_dataset(cell, monkeypatch):
    made = cell("slice=numbered")
    named = identity.group_settings(made.container)["slice"]["dataset"]
    assert named == {"class": "Numbered", "version": 1, "count": 3}
    assert made.manifest["dataset"]["dataset"] == named
    assert cell("slice=numbered", "slice.dataset.count=4").run_id != made.run_id
    monkeypatch.setattr(Numbered, "version", 2)
    assert cell("slice=numbered").run_id != made.run_id


def test_a_key_that_the_dataset_does_not_have_is_refused(cell):
    with pytest.raises(ConfigError, match=r"slice\.dataset\.n is not a key of Numbered"):
        _ = cell("slice=numbered", "+slice.dataset.n=3").instances
