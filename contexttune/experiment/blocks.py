"""The context block of each instance of a run: built, or read back, with the documents that models write for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from contexttune.errors import (
    ArtifactError,
    ConfigError,
    ExitCode,
    InfraError,
    NotWritten,
    OverBudget,
    PreflightError,
)
from contexttune.experiment.cell import Cell
from contexttune.experiment.finished_work import saved_block
from contexttune.system.progress import Progress
from contexttune.system.thread_pool import map_in_threads
from contexttune.types import Instance

log = logging.getLogger(__name__)

Reason = InfraError | NotWritten | OverBudget


@dataclass
class Blocks:
    """The signals and context stages of one run.

    Attributes:
        before_documents: charges earlier spending of the run to the budget.
        absent: instance_id -> why it has no context.
        stopped_by: the budget that ended the writing of documents.
    """

    cell: Cell
    before_documents: Callable[[], object]
    absent: dict[str, Reason] = field(default_factory=dict)
    stopped_by: str | None = None

    def make(self, serving: ExitStack) -> dict[str, str]:
        """Return instance_id -> block, without instances in `absent`, and with signals as the stages ask for them.

        The experiment's model stays entered until `serving` ends if a document had to be written.
        """
        cell, stages = self.cell, set(self.cell.config.stages)
        if not cell.generator.sends_block:
            log.info("condition=%s sends no block and needs no signals", cell.condition)
            return {i.instance_id: "" for i in cell.instances}
        blocks = self._build(serving) if stages & {"signals", "context"} else {}
        if "context" not in stages:
            blocks = self._saved() if "inference" in stages else {}
        if cell.wants_documents:
            self._count_documents(blocks)
        return blocks

    @property
    def outages(self) -> dict[str, str]:
        """instance_id -> the outage because of which it has no context."""
        return {name: str(why) for name, why in sorted(self.absent.items()) if isinstance(why, InfraError)}

    def exit_code(self) -> ExitCode:
        """The result of a run that only builds contexts; logs where they are."""
        self._log_place()
        for name, why in self.outages.items():
            log.warning("%s: %s; run the same command again to retry it", name, why)
        if self.stopped_by:
            return ExitCode.BUDGET
        return ExitCode.MISSING_UNITS if self.outages else ExitCode.DONE

    def _log_place(self) -> None:
        cell = self.cell
        built = [i for i in cell.instances if i.instance_id not in self.absent]
        if built and cell.generator.sends_block:
            first, kind = built[0], "contexts" if "context" in cell.config.stages else "signals"
            signals = cell.layout.signals(first.repo, first.base_commit)
            path = cell.context_stage.path(first, "md") if kind == "contexts" else signals
            home = cell.layout.artifacts / kind
            log.info("%s are in %s, such as %s", kind, home, path.relative_to(home))

    def _build(self, serving: ExitStack) -> dict[str, str]:
        cell = self.cell
        if cell.wants_documents and "context" in cell.config.stages:
            self._write_documents(serving)
        blocks: dict[str, str] = {}
        instances = [i for i in cell.instances if i.instance_id not in self.absent]
        with Progress("contexts", len(instances)) as progress:
            for instance in instances:
                progress.start(instance.instance_id)
                blocks[instance.instance_id] = block = self._context(cell.as_shown(instance))
                progress.finish(instance.instance_id, f"{len(block)} characters", detail=False)
        return blocks

    def _saved(self) -> dict[str, str]:
        """The blocks that an earlier command has built."""
        cell = self.cell
        blocks = {i.instance_id: cell.context_stage.saved_block(cell.as_shown(i)) for i in cell.instances}
        built = {name: block for name, block in blocks.items() if block is not None}
        if len(built) < len(blocks):
            raise ConfigError(
                f"{len(blocks) - len(built)} contexts are not built yet: run stages=[signals,context] first, or all stages"
            )
        return built

    def _count_documents(self, blocks: Mapping[str, str]) -> None:
        """Register the documents that the blocks contain, including those that another run has paid for."""
        cell = self.cell
        for instance in cell.instances:
            if instance.instance_id in blocks:
                for document in cell.context_stage.documents(cell.as_shown(instance)):
                    cell.documents.use(document)
        if cell.keeps_records:
            cell.documents.keep_calls(cell.finished_work.predictions.parent)

    def _write_documents(self, serving: ExitStack) -> None:
        """Have models write the documents that contexts need; in a dry run only write the prompts."""
        cell, instances = self.cell, [self.cell.as_shown(i) for i in self.cell.instances]
        self.before_documents()
        documents = cell.documents
        with documents.rehearsed() if cell.config.dry_run else documents.opened(serving):
            self.absent = _build_in_parallel(cell, instances, self._context)
        budgets = [str(why) for why in self.absent.values() if isinstance(why, OverBudget)]
        if budgets:
            self.stopped_by = budgets[0]
            log.warning("%s: no further document is requested", budgets[0])
        _log_unwritten(cell.condition, self.absent.values())

    def _context(self, instance: Instance) -> str:
        """An instance's block, built unless it is done already; "" if only signals are wanted."""
        cell = self.cell
        wanted = "context" in cell.config.stages
        saved = saved_block(cell.context_stage, instance) if wanted else None
        if saved is not None:
            return saved
        try:
            at_commit = cell.repository(instance.repo, instance.base_commit)
        except ArtifactError as error:
            raise PreflightError(str(error)) from None
        return cell.context_stage.build(at_commit, instance) if wanted else ""


def _build_in_parallel(
    cell: Cell, instances: Iterable[Instance], build: Callable[[Instance], object]
) -> dict[str, Reason]:
    """Call `build` once for all instances that share a context.

    Returns instance_id -> why its context is not available now: an outage or an unusable answer, the budget, or that no
    model may be asked.
    """
    sharing: dict[str, list[Instance]] = {}
    for i in instances:
        key = i.instance_id if cell.generator.per_instance else f"{i.repo}@{i.base_commit}"
        sharing.setdefault(key, []).append(i)
    with Progress("documents", len(sharing)) as progress:

        def build_one(key: str) -> Reason | None:
            progress.start(key)
            reason: Reason | None = None
            try:
                build(sharing[key][0])
            except (InfraError, NotWritten, OverBudget) as error:
                reason = error
            progress.finish(key, str(reason or "there"), detail=isinstance(reason, InfraError))
            return reason

        reasons = map_in_threads(build_one, sharing, cell.workers, "document")
    failed = {key: reason for key, reason in zip(sharing, reasons, strict=True) if reason}
    return {i.instance_id: reason for key, reason in failed.items() for i in sharing[key]}


def _log_unwritten(condition: str, reasons: Iterable[Reason]) -> None:
    """Log what a dry run leaves out; instances that share a document have the same error."""
    if distinct := {id(error): error for error in reasons if isinstance(error, NotWritten)}:
        message = (
            "dry run: %d documents of condition=%s are not written, since no model is asked; their prompts are in "
            "prompt.md beside the contexts (%d characters in all), and prompts of attempts lack the documents"
        )
        n_chars = sum(error.prompt_chars for error in distinct.values())
        log.info(message, len(distinct), condition, n_chars)
