"""Has models write what a run's contexts are made of, several documents at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from contexttune.errors import InfraError, NotWritten, OverBudget
from contexttune.experiment.cell import Cell
from contexttune.system.progress import Progress
from contexttune.types import Instance

log = logging.getLogger(__name__)

Why = InfraError | NotWritten | OverBudget


def write(cell: Cell, instances: Iterable[Instance], build: Callable[[Instance], object]) -> dict[str, Why]:
    """Build the contexts of `instances`, those that they share once; what for, `build` keeps.

    Returns instance_id -> why its context cannot be had now: an outage or an answer that is no document, no budget, or
    no leave to ask a model.
    """
    sharing: dict[str, list[Instance]] = {}
    for instance in instances:
        of = (
            instance.instance_id if cell.generator.per_instance else f"{instance.repo}@{instance.base_commit}"
        )
        sharing.setdefault(of, []).append(instance)
    failed: dict[str, Why] = {}
    pool = ThreadPoolExecutor(cell.workers, thread_name_prefix="document")
    with Progress("documents", len(sharing)) as progress:

        def one(of: str) -> Why | None:
            progress.start(of)
            why = _tried(build, sharing[of][0])
            progress.finish(of, "there" if why is None else str(why), detail=isinstance(why, InfraError))
            return why

        futures = {pool.submit(one, of): of for of in sharing}
        try:
            for future in as_completed(futures):
                if why := future.result():
                    failed |= {instance.instance_id: why for instance in sharing[futures[future]]}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    pool.shutdown()
    return failed


def say_unwritten(condition: str, missing: Sequence[NotWritten]) -> None:
    """What a dry run leaves out; instances that share a document have the same error."""
    if distinct := {id(error): error for error in missing}:
        chars = sum(error.prompt_chars for error in distinct.values())
        log.info(
            "dry run: %d documents of condition=%s are not written yet; no model is asked, their prompts (prompt.md beside the "
            "contexts, %d characters in all) are made, and those of the attempts are measured without a block",
            *(len(distinct), condition, chars),
        )


def _tried(build: Callable[[Instance], object], instance: Instance) -> Why | None:
    try:
        build(instance)
    except (InfraError, NotWritten, OverBudget) as why:
        return why
    return None
