"""Differences from the run that this one reproduces: configuration, code, versions, dataset rows, images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from contexttune.config.differences import ABSENT, Difference, differences
from contexttune.config.schema import Config
from contexttune.experiment.cell import Cell
from contexttune.experiment.past_run import PastRun, past_run

log = logging.getLogger(__name__)

_MUST_DIFFER = ("reproduced_from", "reproduce_trusted", "group_id", "paths.")
_VERSIONS = ("contexttune", "python", "packages", "rows_digest")


def reproduction(cell: Cell) -> dict[str, Any] | None:
    """`from` and `drift` for run.json; None for a run that reproduces nothing."""
    if cell.config.reproduced_from is None:
        return None
    past = past_run(Path(cell.config.reproduced_from))
    found = [
        *configuration(past.config, cell.manifest["config"]),
        *_versions(past, cell),
        *_images(past, cell),
    ]
    rows = [{"key": key, "then": then, "now": now} for key, then, now in found]
    return {"from": str(past.directory), "versions_known": bool(past.manifest), "drift": rows}


def warn(cell: Cell, reproduced: Mapping[str, Any] | None) -> None:
    """Log each difference from the reproduced run, and whether the code changed since the job was submitted."""
    if cell.manifest["changed_since_submission"]:
        log.warning("the code changed since the job was submitted (in run.json: submitted, contexttune)")
    if reproduced is None:
        return
    log.info("reproducing %s in group %s (group_id=... names another)", reproduced["from"], cell.group_id)
    if not reproduced["versions_known"]:
        log.warning("%s has no run.json, so versions cannot be compared", reproduced["from"])
    for row in reproduced["drift"]:
        log.warning("differs from the reproduced run: %s: %s -> %s", row["key"], row["then"], row["now"])


def configuration(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """The differences, without those that a reproduction must have, new keys with their defaults, and moved classes."""
    found = [one for one in differences(then, now) if not one[0].startswith(_MUST_DIFFER)]
    return [one for one in found if not _is_new_default(*one) and not _has_moved(*one)]


def _has_moved(key: str, then: Any, now: Any) -> bool:
    """Whether a class has only moved to another module, which changes no result."""
    return key.endswith("_target_") and str(then).rpartition(".")[2] == str(now).rpartition(".")[2]


def _is_new_default(key: str, then: Any, now: Any) -> bool:
    return bool(then == ABSENT and key in _defaults() and now == _defaults()[key])


@cache
def _defaults() -> dict[str, Any]:
    """Dotted key -> default, of the schema's own keys (not those of parts)."""
    schema: Any = OmegaConf.to_container(OmegaConf.structured(Config))
    sections = {key: value for key, value in schema.items() if isinstance(value, dict)}
    nested = {f"{name}.{key}": value for name, own in sections.items() for key, value in own.items()}
    return nested | {key: value for key, value in schema.items() if key not in sections}


def _versions(past: PastRun, cell: Cell) -> list[Difference]:
    then = {key: past.manifest[key] for key in _VERSIONS if key in past.manifest}
    return differences(then, {key: cell.manifest[key] for key in then})


def _images(past: PastRun, cell: Cell) -> Iterator[Difference]:
    """Images of this run's instances whose digest is known in both; none is pulled."""
    own = {instance.image for instance in cell.instances}
    for part, then in sorted(past.images.items()):
        now = cell.image_digests(part, sorted(then.keys() & own))
        for image in sorted(then.keys() & now.keys()):
            if then[image] != now[image]:
                yield f"images.{part}.{image}", then[image], now[image]
