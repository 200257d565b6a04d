"""Cells of the toy task repo, composed as the command line would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from contexttune.experiment.cell import Cell, cell_of
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.system.files import write_jsonl


def dataset(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """The rows as a file that slice.dataset may name."""
    write_jsonl(path, [dict(row) for row in rows])
    return path


def cell(root: Path, rows: Path, toy_repo: Path, *overrides: str) -> Cell:
    """A cell over those rows, whose files are under `root`."""
    hydra_setup.register()
    own = [
        *("runner=empty", "condition=no_context", "harness=local", "slice=custom", f"paths.root={root}"),
        *(f"paths.cache={root}/cache", f"slice.dataset={rows}"),
        f"workspace.remote='{toy_repo}/repos/{{owner}}__{{name}}.bundle'",
    ]
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return cell_of(compose("config", overrides=[*own, *overrides]))
