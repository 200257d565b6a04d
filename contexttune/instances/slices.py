"""Dataset + selection + shard -> the instances of a run."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from contexttune import paths
from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.types import GoldInstance

log = logging.getLogger(__name__)

OURS = ("instance_id", "repo", "base_commit", "problem_statement", "patch", "test_patch")
HARNESS = ("version", "FAIL_TO_PASS", "PASS_TO_PASS", "image", "eval_script", "log_parser", "eval_type")
"""Columns that swebench 5.0.2 reads; datasets made for older harnesses lack the last four."""

_N_ROWS = {("SWE-bench/SWE-bench_Verified", "test"): 500, ("SWE-bench/SWE-bench_Lite", "test"): 300}
"""Of the datasets of the shipped slices, to plan without them."""

SHAPES = {
    "instance_id": r"\w[\w.-]*",
    "repo": r"\w[\w.-]*/\w[\w.-]*",
    "base_commit": r"[0-9a-f]{40}",
}
"""Of columns that become paths and arguments of git."""
_NAME_BYTES = 200  # of the 255 that a file's name may have: what we put around an id takes some
_TAKEN = ("preds.jsonl", "outcomes.json")  # of what stands beside an instance's directory


def load(config: SliceConfig, excluded: Collection[str] = ()) -> list[GoldInstance]:
    """The selected instances, in the dataset's order; `excluded` ids are taken out before limit and shards.

    Raises:
        ConfigError: a dataset that cannot be read or lacks columns, an unknown or duplicate id, a bad
            regex, or nothing left to run.
    """
    if not config.dataset:
        raise ConfigError("slice.dataset is not set: name a hub dataset or a .jsonl, .json or .parquet file")
    selected = _select(_checked(load_rows(config), config.dataset), config)
    rows = [row for row in selected if row["instance_id"] not in excluded]
    chosen = rows[: config.limit][config.shard_index :: config.shard_count]
    if not chosen:
        if selected and not rows:
            raise ConfigError(
                f"slice.healthy_only=true: all {len(selected)} selected instances are unhealthy: experiment=health says why"
            )
        raise ConfigError(f"the slice is empty: none of {config.dataset} passes {_filters(config)}")
    return [_instance(row) for row in chosen]


def count(config: SliceConfig) -> int | None:
    """How many instances are selected, in all shards; None where only a dataset that is not here could say.

    Raises ConfigError as `load` does, but for ids that a dataset on the hub does not have.
    """
    whole = replace(config, shard_index=0, shard_count=1)
    if not config.dataset or _is_here(paths.resolve(config.dataset)):
        return len(load(whole))
    ids = _wanted_ids(config)
    if ids is not None:
        named = [{"instance_id": name, "repo": _repo_of(name)} for name in ids]
        n = len(_select(named, config))
        if not n:
            raise ConfigError(f"the slice is empty: no id passes {_filters(whole)}")
    elif config.filter is None and config.repos is None and (config.dataset, config.split) in _N_ROWS:
        n = _N_ROWS[config.dataset, config.split]
    else:
        return None
    return min(n, config.limit or n)


def load_rows(config: SliceConfig) -> list[dict[str, Any]]:
    """All rows of `config.dataset`, from whichever of the supported forms it has."""
    location = paths.resolve(str(config.dataset))
    path = Path(location).expanduser()
    suffix = path.suffix.lower()
    if path.is_dir():
        return _directory(path, config.split)
    if suffix in (".json", ".jsonl", ".parquet"):
        if not path.is_file():
            raise ConfigError(f"slice.dataset={config.dataset}: there is no such file")
        return _file(path, suffix)
    if path.is_file():
        raise ConfigError(f"slice.dataset={config.dataset} must be a .jsonl, .json or .parquet file")
    return _hub(location, config)


def _is_here(location: str) -> bool:
    path = Path(location).expanduser()
    return path.is_dir() or path.suffix.lower() in (".json", ".jsonl", ".parquet")


def _repo_of(instance_id: str) -> str:
    """As SWE-bench names instances: `owner__name-number`."""
    return instance_id.rpartition("-")[0].replace("__", "/", 1)


def _file(path: Path, suffix: str) -> list[dict[str, Any]]:
    try:
        if suffix == ".jsonl":
            # not splitlines(): a problem statement may hold U+2028
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        elif suffix == ".json":
            loaded = json.loads(path.read_bytes())
            rows = list(loaded.values()) if isinstance(loaded, dict) else list(loaded)
        else:
            import pandas

            frame = pandas.read_parquet(path)
            rows = [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]
    except (ValueError, TypeError, OSError) as error:  # TypeError: JSON, and no list
        raise ConfigError(f"slice.dataset={path} cannot be read: {error}") from None
    return rows


def _plain(value: Any) -> Any:
    """What a table's own types hold, in those of JSON: no number is null, and a date a text."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, float) and not isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _directory(path: Path, split: str) -> list[dict[str, Any]]:
    if (path / "sweb.yaml").is_file():
        from swebench.task.repo import load_task_repo

        return [dict(row) for row in load_task_repo(str(path))]
    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        from datasets import DatasetDict, load_from_disk

        saved = load_from_disk(str(path))
        if isinstance(saved, DatasetDict):
            if split not in saved:
                raise ConfigError(
                    f"slice.split={split} is not in {path}; it has {', '.join(map(str, saved))}"
                )
            saved = saved[split]
        return [dict(row) for row in saved]
    if (path / f"{split}.parquet").is_file():
        return _file(path / f"{split}.parquet", ".parquet")
    raise ConfigError(
        f"slice.dataset={path} is neither a saved dataset nor a swebench task repo (no sweb.yaml)"
    )


def _hub(name: str, config: SliceConfig) -> list[dict[str, Any]]:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise ConfigError(f"slice.dataset={config.dataset}: there is no such file, and it is no hub name")
    from datasets import load_dataset

    log.info("loading %s (%s) from the hub or its cache", name, config.revision or "newest revision")
    try:
        loaded = load_dataset(name, split=config.split, revision=config.revision)
    except Exception as error:  # noqa: BLE001 - the hub client raises from a dozen libraries
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"slice.dataset={name} cannot be loaded ({reason[0]}): without network, point slice.dataset at a local file"
        ) from None
    return [dict(row) for row in loaded]


def _checked(rows: list[dict[str, Any]], dataset: str) -> list[dict[str, Any]]:
    if not rows:
        raise ConfigError(f"slice.dataset={dataset} has no rows")
    if not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"slice.dataset={dataset}: each row must be an object with columns")
    missing = [column for column in (*OURS, *HARNESS) if any(column not in row for row in rows)]
    if missing:
        raise ConfigError(
            f"slice.dataset={dataset} lacks the columns {', '.join(missing)} that swebench 5.0.2 reads: "
            "use SWE-bench/SWE-bench_Verified, or rows made for swebench 5"
        )
    for row in rows:
        _require_form(row, f"slice.dataset={dataset}")
    _refuse_duplicates((str(row["instance_id"]) for row in rows), f"slice.dataset={dataset}")
    return rows


def _require_form(row: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError for a value of ours that is no text, or cannot become a part of a path and an argument of git."""
    for column in OURS:
        value = row[column]
        if value is None and column == "test_patch":  # nothing but an audit looks at it
            continue
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {column} of {row['instance_id']!r} is no text: {value!r}")
        pattern = SHAPES.get(column, r"(?s:.*)")
        fits = column not in SHAPES or len(os.fsencode(value)) <= _NAME_BYTES
        if value in _TAKEN or not fits or not re.fullmatch(pattern, value):
            shown = value if fits else f"{value[:40]}..."
            raise ConfigError(
                f"{where}: {column}={shown!r} has not the form {pattern} in at most {_NAME_BYTES} bytes"
            )


def _select(rows: list[dict[str, Any]], config: SliceConfig) -> list[dict[str, Any]]:
    wanted = _wanted_ids(config)
    if wanted is not None:
        unknown = sorted(set(wanted) - {row["instance_id"] for row in rows})
        if unknown:
            raise ConfigError(
                f"{_few(unknown)} not in {config.dataset}: check slice.instance_ids and slice.ids_file"
            )
        rows = [row for row in rows if row["instance_id"] in set(wanted)]
    if config.repos is not None:
        absent = sorted(set(config.repos) - {row["repo"] for row in rows})
        if absent:
            raise ConfigError(f"slice.repos: no instance of {_few(absent)} among the {len(rows)} selected")
        rows = [row for row in rows if row["repo"] in config.repos]
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
            # utf-8-sig: editors on Windows begin a file with a mark that nobody sees
            text = Path(config.ids_file).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"slice.ids_file={config.ids_file} cannot be read: {error}") from None
        ids += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    _refuse_duplicates(ids, "slice.instance_ids and slice.ids_file together")
    return ids


def _refuse_duplicates(ids: Iterable[str], where: str) -> None:
    twice = sorted(name for name, count in Counter(ids).items() if count > 1)
    if twice:
        raise ConfigError(f"{where}: {_few(twice)} more than once")


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _filters(config: SliceConfig) -> str:
    keys = ("instance_ids", "ids_file", "filter", "repos", "shard_index")
    set_ones = [
        f"slice.{key}={getattr(config, key)}" for key in keys if getattr(config, key) not in (None, 0)
    ]
    return " and ".join(text if len(text) < 80 else f"{text[:77]}..." for text in set_ones) or "the selection"


def _instance(row: Mapping[str, Any]) -> GoldInstance:
    return GoldInstance(
        instance_id=row["instance_id"],
        repo=row["repo"],
        base_commit=row["base_commit"],
        problem_statement=row["problem_statement"],
        version=str(row["version"]),
        image=row["image"],
        patch=row["patch"],
        test_patch=row["test_patch"] or "",
        row=_as_json(row),
    )


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as the harness gets it, by a file of JSON. Raises ConfigError for what cannot be put into one."""
    plain = {column: _plain(value) for column, value in row.items()}
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"slice.dataset: a column of {row['instance_id']} cannot be written as JSON ({error}): leave it out"
        ) from None
    return plain
