"""run.json and group.json: what a run is and was made of, and that a group's runs belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune import identity
from contexttune.cell import Cell
from contexttune.errors import ConfigError
from contexttune.manifest import manifest, rows_digest
from contexttune.store import locked, read_json, write_json

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RunRecord:
    """The record of one cell."""

    cell: Cell

    @property
    def path(self) -> Path:
        return self.cell.layout.run(self.cell.group_id, self.cell.run_id) / "run.json"

    def read(self) -> dict[str, Any]:
        record: dict[str, Any] = read_json(self.path)
        return record

    def check(self) -> None:
        """Raise ConfigError unless this run fits its group, and its rows are those that it began with."""
        cell = self.cell
        settings = identity.group_settings(cell.container)
        path = cell.layout.group(cell.group_id) / "group.json"
        with locked(path.with_suffix(".lock")):
            saved = read_json(path)
            if saved is None:
                write_json(path, {"group_id": cell.group_id, "settings": settings})
        if saved is not None and saved["settings"] != settings:
            differing = ", ".join(differences(saved["settings"], settings))
            raise ConfigError(
                f"group_id={cell.group_id} holds runs with another {differing}: choose another group_id"
            )
        begun = read_json(self.path)
        if begun is not None and begun["manifest"]["rows_digest"] != rows_digest(cell.instances):
            raise ConfigError(
                f"slice.dataset={cell.config.slice.dataset} changed since this run began: choose another group_id"
            )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Say `running` inside, then `finished` or `interrupted`."""
        record = self._describe()
        write_json(self.path, record | {"status": "running"})
        try:
            yield
        except BaseException:
            write_json(self.path, record | {"status": "interrupted"})
            raise
        write_json(self.path, record | {"status": "finished"})

    def _describe(self) -> dict[str, Any]:
        cell = self.cell
        return {
            "schema_version": _SCHEMA_VERSION,
            "run_id": cell.run_id,
            "group_id": cell.group_id,
            "condition": cell.condition,
            "seed": cell.config.seed,
            "model_name_or_path": cell.model_name_or_path,
            "scripted": cell.is_scripted,
            "harness": cell.harness.name,
            "official": cell.harness.official,
            "instances": [{"instance_id": i.instance_id, "repo": i.repo} for i in cell.instances],
            "manifest": manifest(cell.container, identity.run_settings(cell.container), cell.instances),
        }


def differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    found = []
    for key in sorted(then.keys() | now.keys()):
        a, b = then.get(key), now.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key}")
    return found
