"""The context block of each instance of a run: built, or read back, with the documents that models write for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field

from contexttune.errors import ArtifactError, ConfigError, InfraError, NotWritten, OverBudget, PreflightError
from contexttune.experiment.cell import Cell
from contexttune.system.progress import Progress
from contexttune.types import GoldInstance, Instance

log = logging.getLogger(__name__)

Why = InfraError | NotWritten | OverBudget


@dataclass
class Blocks:
    """The signals and context stages of one run.

    Attributes:
        before_documents: tells the budget what the run has spent so far.
        absent: instance_id -> why it has no context.
        stopped_by: the budget that ended the writing of documents.
    """

    cell: Cell
    before_documents: Callable[[], None]
    absent: dict[str, Why] = field(default_factory=dict)
    stopped_by: str | None = None

    def build(self, serving: ExitStack) -> dict[str, str]:
        """instance_id -> block, with the signals that it takes; those of `absent` are left out.

        A model that has written is left when `serving` ends.
        """
        cell = self.cell
        if not cell.generator.sends_block:
            log.info("condition=%s sends no block and needs no signals", cell.condition)
            return {i.instance_id: "" for i in cell.instances}
        if cell.wants_documents and "context" in cell.config.stages:
            self._write_documents(serving)
        blocks: dict[str, str] = {}
        instances = [i for i in cell.instances if i.instance_id not in self.absent]
        with Progress("contexts", len(instances)) as progress:
            for instance in instances:
                progress.start(instance.instance_id)
                blocks[instance.instance_id] = block = self._context(self._as_shown(instance))
                progress.finish(instance.instance_id, f"{len(block)} characters", detail=False)
        return blocks

    def saved(self) -> dict[str, str]:
        cell = self.cell
        if not cell.generator.sends_block:
            return {i.instance_id: "" for i in cell.instances}
        blocks = {i.instance_id: cell.context_stage.saved_block(self._as_shown(i)) for i in cell.instances}
        absent = [name for name, block in blocks.items() if block is None]
        if absent:
            raise ConfigError(
                f"{len(absent)} contexts are not built yet: run stages=[signals,context] first, or all stages"
            )
        return {name: block for name, block in blocks.items() if block is not None}

    def count_documents(self, blocks: Mapping[str, str]) -> None:
        """Those that the blocks are made of, also where another run has paid for them."""
        cell = self.cell
        if not cell.wants_documents:
            return
        for instance in cell.instances:
            if instance.instance_id in blocks:
                for document in cell.context_stage.documents(self._as_shown(instance)):
                    cell.documents.use(document)
        if cell.keeps_records:
            cell.documents.keep_calls(cell.layout.predictions(cell.group_id, cell.run_id).parent)

    def _write_documents(self, serving: ExitStack) -> None:
        """Have a model write what the contexts need, but for a dry run; say in `absent` what could not be had."""
        cell, shown = self.cell, [self._as_shown(i) for i in self.cell.instances]
        self.before_documents()
        documents = cell.documents
        with documents.rehearsed() if cell.config.dry_run else documents.opened(serving):
            self.absent = _written(cell, shown, self._context)
        budgets = [str(why) for why in self.absent.values() if isinstance(why, OverBudget)]
        if budgets:
            self.stopped_by = budgets[0]
            log.warning("%s: no further document is asked for", budgets[0])
        unwritten = [why for why in self.absent.values() if isinstance(why, NotWritten)]
        _say_unwritten(cell.condition, unwritten)

    def _as_shown(self, instance: GoldInstance) -> Instance:
        """The instance as the generator may see it."""
        return instance if self.cell.gold_context else instance.public()

    def _context(self, instance: Instance) -> str:
        """An instance's block, read back when nothing that determines it has changed."""
        cell, repo, commit = self.cell, instance.repo, instance.base_commit
        wanted = "context" in cell.config.stages
        saved = cell.context_stage.saved_block(instance) if wanted else None
        if saved is not None and cell.layout.signals(repo, commit).exists():
            return saved
        try:
            at_commit = cell.repository(repo, commit)
        except ArtifactError as error:
            raise PreflightError(str(error)) from None
        return cell.context_stage.build(at_commit, instance) if wanted else ""


def _written(
    cell: Cell, instances: Iterable[Instance], build: Callable[[Instance], object]
) -> dict[str, Why]:
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


def _say_unwritten(condition: str, missing: Sequence[NotWritten]) -> None:
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
