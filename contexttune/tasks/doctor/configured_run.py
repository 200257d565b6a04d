"""Checks of what the configured run needs: dataset, repositories, harness, runner, model."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from contexttune.experiment.cell import Cell
from contexttune.interfaces import UsesImages
from contexttune.paths import config_dir
from contexttune.tasks.check import Warn

_REMOTE_TIMEOUT_S = 30


def dataset(cell: Cell) -> Iterator[str]:
    """The slice can be loaded."""
    n_repos, name = len({i.repo for i in cell.instances}), cell.config.slice.name
    yield f"slice {name}: {len(cell.instances)} instances of {n_repos} repositories"


def repositories(cell: Cell) -> Iterator[str]:
    """Each repository is mirrored with all base commits, or can be cloned."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for instance in cell.instances:
        wanted[instance.repo].add(instance.base_commit)
    missing = [repo for repo, commits in sorted(wanted.items()) if not cell.workspace.holds(repo, commits)]
    for repo in missing:
        cell.workspace.require_remote(repo, _REMOTE_TIMEOUT_S)
    yield f"{len(wanted) - len(missing)} of {len(wanted)} are mirrored, {len(missing)} can be cloned"


def harness(cell: Cell) -> Iterator[str]:
    """The harness can grade the slice."""
    cell.harness.preflight(cell.instances)
    kind = (
        "official" if cell.harness.official else "unofficial: its verdicts do not count as SWE-bench results"
    )
    yield f"{cell.harness.name}, {kind}" if cell.harness.grades else "none: nothing is graded"


def images(cell: Cell) -> Iterator[str]:
    """How many images of runner and harness are present, and whether there is room for the rest."""
    wanted = sorted({i.image for i in cell.instances if i.image})
    for part in ("runner", "harness"):
        user = getattr(cell, part)
        if isinstance(user, UsesImages):
            n_here = len(cell.image_digests(part, wanted))
            n_missing = len(wanted) - n_here
            later = f", {n_missing} are pulled when needed" if n_missing else ""
            yield f"{n_here} of {len(wanted)} are present for the {part}{later}"
            if n_missing:
                yield from _room(n_missing, user.image_directory())


def _room(n_images: int, home: Path | None) -> Iterator[str]:
    """A warning if the engine's disk may be too small; nothing if it belongs to another machine."""
    if home is None or not home.is_dir():
        return
    free_gb = shutil.disk_usage(home).free / 1e9
    needed_gb = n_images * _largest_image_gb()
    if free_gb < needed_gb:
        yield Warn(
            f"these may take up to {needed_gb:,.1f} GB, but {home} has {free_gb:,.1f} GB free: make room, or choose a smaller slice"
        )


def _largest_image_gb() -> float:
    """The largest image size that task=plan assumes."""
    import yaml

    plan = yaml.safe_load((config_dir() / "task" / "plan.yaml").read_text(encoding="utf-8"))
    return float(max(plan["image_gb"]))


def runner(cell: Cell) -> Iterator[str]:
    """The runner can start."""
    cell.runner.preflight()
    yield str(cell.container["runner"]["name"])


def model(cell: Cell) -> Iterator[str]:
    """The endpoint is reachable, and its price known."""
    if not cell.uses_model:
        yield "the runner needs none"
        return
    cell.model.preflight()
    yield f"{cell.model.name}, answered by the {cell.answers_from}"
    if cell.price is None and cell.answers_from == "endpoint":
        yield Warn(
            "its price is unknown, so costs are unknown too: set model.price={prompt: USD, completion: USD} per million tokens"
        )


def answer(cell: Cell) -> Iterator[str]:
    """The endpoint answers a small question with the parameters of the runner's requests."""
    if cell.answers_from != "endpoint":
        return
    parameters = cell.runner.request_parameters
    answered = cell.model.probe(parameters)
    if answered is None:
        yield "not asked: the job starts the server"
        return
    used = answered.usage
    yield f"{answered.served_model or 'the model'} answers"
    if used.prompt_tokens is None or used.completion_tokens is None:
        yield Warn(
            "the endpoint reports no token counts: costs are unknown, and a limit on tokens ends the run"
        )
    if "tools" in parameters and answered.finish_reason != "tool_calls":
        yield Warn("it did not call the tool: set runner.protocol=backticks for models without tool calls")


def condition(cell: Cell) -> Iterator[str]:
    """The condition can be built, with its signals and the model that writes its documents."""
    _ = cell.signals
    writer = cell.generator.asks
    if writer is not None:
        writer.preflight()
    by = f", written by {writer.name}" if writer is not None else ""
    yield f"{cell.condition}{by}"
