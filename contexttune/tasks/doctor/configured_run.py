"""What the configured experiment needs: rows, repositories, a harness, a runner, a model."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from contexttune.experiment.cell import Cell
from contexttune.interfaces import UsesImages
from contexttune.paths import config_dir
from contexttune.tasks.check import State

_REMOTE_TIMEOUT_S = 30


def dataset(cell: Cell) -> Iterator[tuple[State, str]]:
    """Raises what loading it raises."""
    n_repos, name = len({i.repo for i in cell.instances}), cell.config.slice.name
    yield State.OK, f"slice {name}: {len(cell.instances)} instances of {n_repos} repositories"


def repositories(cell: Cell) -> Iterator[tuple[State, str]]:
    """Whether each is mirrored with all base commits, or can be cloned."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for instance in cell.instances:
        wanted[instance.repo].add(instance.base_commit)
    away = [repo for repo, commits in sorted(wanted.items()) if not cell.workspace.holds(repo, commits)]
    for repo in away:
        cell.workspace.require_remote(repo, _REMOTE_TIMEOUT_S)
    yield State.OK, f"{len(wanted) - len(away)} of {len(wanted)} are mirrored, {len(away)} can be cloned"


def harness(cell: Cell) -> Iterator[tuple[State, str]]:
    """Its own preflight."""
    cell.harness.preflight(cell.instances)
    kind = "official" if cell.harness.official else "unofficial: its verdicts are not the benchmark's"
    yield State.OK, f"{cell.harness.name}, {kind}" if cell.harness.grades else "none: nothing is graded"


def images(cell: Cell) -> Iterator[tuple[State, str]]:
    """How many of those that runner and harness work in are here, and whether there is room for the others."""
    wanted = sorted({i.image for i in cell.instances if i.image})
    for part in ("runner", "harness"):
        user = getattr(cell, part)
        if isinstance(user, UsesImages):
            n_here = len(cell.image_digests(part, wanted))
            away = len(wanted) - n_here
            later = f", {away} are pulled when they are needed" if away else ""
            yield State.OK, f"{n_here} of {len(wanted)} are here for the {part}{later}"
            if away:
                yield from _room(away, user.image_directory())


def _room(n_images: int, home: Path | None) -> Iterator[tuple[State, str]]:
    """A warning where the engine's disk may be too small; none where it is not of this machine."""
    if home is None or not home.is_dir():
        return
    free_gb = shutil.disk_usage(home).free / 1e9
    needed_gb = n_images * _largest_image_gb()
    if free_gb < needed_gb:
        yield (
            State.WARNING,
            f"they may take up to {needed_gb:,.1f} GB, and {home} has {free_gb:,.1f} GB free: make room, or choose a smaller slice",
        )


def _largest_image_gb() -> float:
    """As task=plan assumes it."""
    import yaml

    plan = yaml.safe_load((config_dir() / "task" / "plan.yaml").read_text(encoding="utf-8"))
    return float(max(plan["image_gb"]))


def runner(cell: Cell) -> Iterator[tuple[State, str]]:
    """Its own preflight."""
    cell.runner.preflight()
    yield State.OK, str(cell.container["runner"]["name"])


def model(cell: Cell) -> Iterator[tuple[State, str]]:
    """Whether the endpoint is there, and what its tokens cost."""
    if not cell.uses_model:
        yield State.OK, "the runner asks none"
        return
    cell.model.preflight()
    yield State.OK, f"{cell.model.name}, answers come from the {cell.answers_from}"
    if cell.price is None and cell.answers_from == "endpoint":
        yield (
            State.WARNING,
            "it has no price, so no cost is known: set model.price={prompt: USD, completion: USD} per million tokens",
        )


def answer(cell: Cell) -> Iterator[tuple[State, str]]:
    """One question, with all that the runner's requests carry, to see that it is understood."""
    if cell.answers_from != "endpoint":
        return
    parameters = cell.runner.request_parameters
    answered = cell.model.probe(parameters)
    if answered is None:
        yield State.OK, "not asked: the job starts its server"
        return
    used = answered.usage
    yield State.OK, f"{answered.served_model or 'the model'} answers"
    if used.prompt_tokens is None or used.completion_tokens is None:
        yield (
            State.WARNING,
            "the endpoint counts no tokens: costs are not known, and limits by tokens end a run",
        )
    if "tools" in parameters and answered.finish_reason != "tool_calls":
        yield (
            State.WARNING,
            "it did not call the tool that it was given: runner.protocol=backticks is for models that do not",
        )


def condition(cell: Cell) -> Iterator[tuple[State, str]]:
    """Whether it can be constructed with its signals, and asked what it has to ask."""
    _ = cell.signals
    writer = cell.generator.asks
    if writer is not None:
        writer.preflight()
    words = f", written by {writer.name}" if writer is not None else ""
    yield State.OK, f"{cell.condition}{words}"
