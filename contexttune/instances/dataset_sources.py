"""Sources of the rows of a slice: one class for each kind of dataset.

`slice.dataset` is a location, whose form determines the class, or a part (`_target_`), for a new benchmark.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from contexttune import paths
from contexttune.config.build import build
from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.instances.row_checks import as_json_value
from contexttune.interfaces import Dataset

log = logging.getLogger(__name__)

_N_ROWS = {("SWE-bench/SWE-bench_Verified", "test"): 500, ("SWE-bench/SWE-bench_Lite", "test"): 300}
"""Numbers of rows of the shipped slices, to plan without loading them."""
_OTHER_FILES = (".csv", ".tsv", ".txt", ".yaml", ".yml", ".xlsx", ".arrow", ".gz", ".zip")
"""Suffixes of files, which no hub dataset has."""


def configured_dataset(config: SliceConfig) -> Dataset:
    """The dataset that `slice.dataset` names. Raises ConfigError when there is none of that name or form."""
    if not config.dataset:
        raise ConfigError("slice.dataset is not set: name a hub dataset or a .jsonl, .json or .parquet file")
    if isinstance(config.dataset, Mapping):
        dataset: Dataset = build(config.dataset, "slice.dataset", kind=Dataset)
        if not hasattr(dataset, "location"):
            raise ConfigError(
                f"slice.dataset: {type(dataset).__name__} has no location, its name in messages: add `location: str`"
            )
        return dataset
    location = str(config.dataset)
    path, suffix = _path(location), _path(location).suffix.lower()
    if path.is_dir():
        return _directory(location, path, config.split)
    if suffix in (".json", ".jsonl"):
        return JsonFile(location=location)
    if suffix == ".parquet":
        return ParquetFile(location=location)
    if path.is_file() or suffix in _OTHER_FILES:
        raise ConfigError(f"slice.dataset={location} must be a .jsonl, .json or .parquet file")
    return HubDataset(location=location, split=config.split, revision=config.revision)


def _directory(location: str, path: Path, split: str) -> Dataset:
    if (path / "sweb.yaml").is_file():
        return TaskRepository(location=location)
    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        return SavedDataset(location=location, split=split)
    if (path / f"{split}.parquet").is_file():
        return ParquetFile(location=f"{location}/{split}.parquet")
    if any(path.glob(f"**/{split}-*.parquet")):
        return ParquetFile(location=f"{location}/**/{split}-*.parquet")
    raise ConfigError(
        f"slice.dataset={location} is neither a saved dataset, nor a snapshot from the hub with a split {split}, nor a "
        "swebench task repository (no sweb.yaml)"
    )


def _path(location: str) -> Path:
    return Path(paths.resolve(location)).expanduser()


@dataclass(frozen=True, kw_only=True)
class JsonFile(Dataset):
    """A file of JSON: a list of rows, a mapping whose values are rows, or one row per line (.jsonl)."""

    version: ClassVar[int] = 1
    location: str

    def rows(self) -> list[dict[str, Any]]:
        path = _path(self.location)
        try:
            if path.suffix.lower() == ".jsonl":
                # not splitlines(): a problem statement may contain U+2028
                lines = path.read_text(encoding="utf-8").split("\n")
                return [json.loads(line) for line in lines if line.strip()]
            loaded = json.loads(path.read_bytes())
            return list(loaded.values()) if isinstance(loaded, dict) else list(loaded)
        except (ValueError, TypeError, OSError) as error:  # TypeError: JSON, but not a list
            raise _unreadable(self.location, error) from None


@dataclass(frozen=True, kw_only=True)
class ParquetFile(Dataset):
    """A Parquet file with one row per instance; or several, as a pattern below a directory."""

    version: ClassVar[int] = 1
    location: str

    def rows(self) -> list[dict[str, Any]]:
        import pandas

        try:
            folder, _, pattern = str(_path(self.location)).partition("/**/")
            files = sorted(Path(folder).rglob(pattern)) if pattern else [Path(folder)]
            frame = pandas.concat([pandas.read_parquet(file) for file in files])
        except (ValueError, OSError) as error:
            raise _unreadable(self.location, error) from None
        return [{str(k): as_json_value(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _unreadable(location: str, error: Exception) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(
            f"slice.dataset={location}: there is no such file; a relative path starts at the working directory"
        )
    return ConfigError(f"slice.dataset={location} cannot be read: {error}")


@dataclass(frozen=True, kw_only=True)
class TaskRepository(Dataset):
    """A swebench task repository: a directory with a sweb.yaml, such as the bundled demo."""

    version: ClassVar[int] = 1
    location: str

    def rows(self) -> list[dict[str, Any]]:
        from swebench.task.repo import load_task_repo

        return [dict(row) for row in load_task_repo(str(_path(self.location)))]


@dataclass(frozen=True, kw_only=True)
class SavedDataset(Dataset):
    """A directory saved by the library `datasets`."""

    version: ClassVar[int] = 1
    location: str
    split: str = "test"  # chosen split of a directory that has several

    def rows(self) -> list[dict[str, Any]]:
        from datasets import DatasetDict, load_from_disk

        saved = load_from_disk(str(_path(self.location)))
        if isinstance(saved, DatasetDict):
            if self.split not in saved:
                raise ConfigError(
                    f"slice.split={self.split} is not in {self.location}; it has {', '.join(map(str, saved))}"
                )
            saved = saved[self.split]
        return [dict(row) for row in saved]


@dataclass(frozen=True, kw_only=True)
class HubDataset(Dataset):
    """A dataset on the Hugging Face hub, or in its cache."""

    version: ClassVar[int] = 1
    is_local: ClassVar[bool] = False
    location: str  # owner/name
    split: str = "test"
    revision: str | None = None

    @property
    def n_rows(self) -> int | None:
        return _N_ROWS.get((self.location, self.split))

    def rows(self) -> list[dict[str, Any]]:
        name = self.location
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
            raise ConfigError(
                f"slice.dataset={name}: there is no such file, and it is not the name of a hub dataset"
            )
        from datasets import load_dataset

        log.info("loading %s (%s) from the hub or its cache", name, self.revision or "newest revision")
        try:
            loaded = load_dataset(name, split=self.split, revision=self.revision)
        except Exception as error:  # noqa: BLE001 - the hub client raises from a dozen libraries
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ConfigError(
                f"slice.dataset={name} cannot be loaded ({reason[0]}): without network, point slice.dataset at a local file"
            ) from None
        return [dict(row) for row in loaded]
