"""Dataset + selection + shard -> the instances of a run."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.instances.dataset_sources import configured_dataset
from contexttune.instances.row_checks import checked, first_names, instance_of, refuse_duplicates
from contexttune.types import GoldInstance


def load(config: SliceConfig, excluded: Collection[str] = ()) -> list[GoldInstance]:
    """The selected instances, in the dataset's order; `excluded` ids are removed before limit and shards apply.

    Raises:
        ConfigError: a dataset that cannot be read or lacks columns, an unknown or duplicate id, a bad
            regex, or nothing left to run.
    """
    location = configured_dataset(config).location
    selected = _select(checked(load_rows(config), location), config, location)
    rows = [row for row in selected if row["instance_id"] not in excluded]
    chosen = rows[: config.limit][config.shard_index :: config.shard_count]
    if not chosen:
        if selected and not rows:
            raise ConfigError(
                f"slice.healthy_only=true: all {len(selected)} selected instances are unhealthy: experiment=health lists the reasons"
            )
        raise ConfigError(f"the slice is empty: none of {location} passes {_filters(config)}")
    return [instance_of(row, location) for row in chosen]


def load_rows(config: SliceConfig) -> list[dict[str, Any]]:
    """All rows of the configured dataset."""
    return configured_dataset(config).rows()


def count(config: SliceConfig) -> int | None:
    """Number of selected instances in all shards; None when that requires loading a remote dataset.

    Raises ConfigError as `load` does, but not for ids that a remote dataset does not have.
    """
    whole = replace(config, shard_index=0, shard_count=1)
    dataset = configured_dataset(config)
    if dataset.is_local:
        return len(load(whole))
    ids = _wanted_ids(config)
    if ids is not None:
        named = [{"instance_id": name, "repo": _repo_of(name)} for name in ids]
        n: int | None = len(_select(named, config, dataset.location))
        if not n:
            raise ConfigError(f"the slice is empty: no id passes {_filters(whole)}")
    else:
        n = dataset.n_rows if config.filter is None and config.repos is None else None
    return None if n is None else min(n, config.limit or n)


def _repo_of(instance_id: str) -> str:
    """The repository in an instance's id, `owner__name-number`."""
    return instance_id.rpartition("-")[0].replace("__", "/", 1)


def _select(rows: list[dict[str, Any]], config: SliceConfig, location: str) -> list[dict[str, Any]]:
    wanted = _wanted_ids(config)
    if wanted is not None:
        unknown = sorted(set(wanted) - {row["instance_id"] for row in rows})
        if unknown:
            raise ConfigError(
                f"{first_names(unknown)} not in {location}: check slice.instance_ids and slice.ids_file"
            )
        rows = [row for row in rows if row["instance_id"] in set(wanted)]
    if config.repos is not None:
        absent = sorted(set(config.repos) - {row.get("repo") for row in rows})
        if absent:
            raise ConfigError(
                f"slice.repos: no instance of {first_names(absent)} among the {len(rows)} selected"
            )
        rows = [row for row in rows if row.get("repo") in config.repos]
    if config.filter is not None:
        try:
            pattern = re.compile(config.filter)
        except re.error as error:
            raise ConfigError(
                f"slice.filter={config.filter!r} is not a regular expression: {error}"
            ) from None
        rows = [row for row in rows if pattern.fullmatch(row["instance_id"])]
    return rows


def _wanted_ids(config: SliceConfig) -> list[str] | None:
    if config.instance_ids is None and config.ids_file is None:
        return None
    ids = list(config.instance_ids or [])
    if config.ids_file is not None:
        try:
            # utf-8-sig: editors on Windows begin a file with an invisible byte order mark
            text = Path(config.ids_file).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"slice.ids_file={config.ids_file} cannot be read: {error}") from None
        ids += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    refuse_duplicates(ids, "slice.instance_ids and slice.ids_file together")
    return ids


def _filters(config: SliceConfig) -> str:
    keys = ("instance_ids", "ids_file", "filter", "repos", "shard_index")
    set_ones = [
        f"slice.{key}={getattr(config, key)}" for key in keys if getattr(config, key) not in (None, 0)
    ]
    return " and ".join(text if len(text) < 80 else f"{text[:77]}..." for text in set_ones) or "the selection"
