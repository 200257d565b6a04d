"""One run: one condition, one seed, the stages in their order. The only module that knows them all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from omegaconf import DictConfig

from contexttune import document_stage
from contexttune.document_stage import Why
from contexttune.errors import (
    ArtifactError,
    ConfigError,
    ExitCode,
    InfraError,
    NotWritten,
    OverBudget,
    PreflightError,
)
from contexttune.experiment import drift, leak_check, rows
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.inference import Inference
from contexttune.experiment.run_record import RunRecord
from contexttune.launch import session
from contexttune.system import gpu
from contexttune.system.files import read_json, read_jsonl, sha256, write_json
from contexttune.system.progress import Progress
from contexttune.system.run_lock import sole_worker
from contexttune.types import GoldInstance, Instance, Outcome

log = logging.getLogger(__name__)


def run_experiment(cfg: DictConfig) -> ExitCode:
    """Run or resume the run that `cfg` describes. Raises ContextTuneError."""
    return Experiment(cell_of(cfg)).run()


@dataclass
class Experiment:
    """A run while it runs."""

    cell: Cell
    stopped_by: str | None = None  # the budget that ended inference, or the writing of documents
    absent: dict[str, Why] = field(default_factory=dict)  # instance_id -> why it has no context

    def run(self) -> ExitCode:
        cell, stages = self.cell, set(self.cell.config.stages)
        with ExitStack() as stack:
            self._preflight()
            if cell.keeps_records:
                stack.enter_context(sole_worker(cell.layout.run_lock(cell.group_id, cell.run_id)))
            log.info("run %s of group %s: %d instances", cell.run_id, cell.group_id, len(cell.instances))
            drift.warn(cell)
            serving = stack.enter_context(ExitStack())
            blocks = self._contexts(serving) if stages & {"signals", "context"} else None
            if blocks is None or "context" not in stages:
                blocks = self._saved_blocks() if "inference" in stages else {}
            self._count_documents(blocks)
            leak_check.check(cell, blocks)
            if cell.config.dry_run:
                return self._rehearse(blocks)
            if not cell.keeps_records:
                return self._code_of_contexts()
            session.current.groups[cell.group_id] = cell.layout
            with RunRecord(cell).kept(), gpu.sampled(cell.layout.run(cell.group_id, cell.run_id)):
                if "inference" in stages:
                    self._infer(blocks)
                serving.close()
                if "evaluate" in stages:
                    self._evaluate()
                rows.keep_rows(cell.layout, RunRecord(cell).read())
        if "summarize" in stages:
            session.current.summarize(cell.layout, cell.group_id, cell.config.analysis)
        return self._exit_code()

    def _preflight(self) -> None:
        """All that can be known to fail, before anything is computed."""
        cell, stages = self.cell, set(self.cell.config.stages)
        live = not cell.config.dry_run
        cell.check()
        if live and "inference" in stages:
            if cell.uses_model:
                cell.held_model.preflight()
            cell.runner.preflight()
        if cell.keeps_records:
            RunRecord(cell).check()
        if live and "evaluate" in stages:
            cell.harness.preflight(cell.instances)

    def _contexts(self, serving: ExitStack) -> dict[str, str]:
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

    def _write_documents(self, serving: ExitStack) -> None:
        """Have a model write what the contexts need, but for a dry run; say in `absent` what could not be had."""
        cell, shown = self.cell, [self._as_shown(i) for i in self.cell.instances]
        self._inference.remember(cell.instances)
        documents = cell.documents
        with documents.rehearsed() if cell.config.dry_run else documents.opened(serving):
            self.absent = document_stage.write(cell, shown, self._context)
        budgets = [str(why) for why in self.absent.values() if isinstance(why, OverBudget)]
        if budgets:
            self.stopped_by = budgets[0]
            log.warning("%s: no further document is asked for", budgets[0])
        unwritten = [why for why in self.absent.values() if isinstance(why, NotWritten)]
        document_stage.say_unwritten(cell.condition, unwritten)

    def _count_documents(self, blocks: Mapping[str, str]) -> None:
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

    def _code_of_contexts(self) -> ExitCode:
        """Of a run that only builds contexts."""
        outages = [
            f"{name}: {why}" for name, why in sorted(self.absent.items()) if isinstance(why, InfraError)
        ]
        for words in outages:
            log.warning("%s; the same command tries it again", words)
        if self.stopped_by:
            return ExitCode.BUDGET
        return ExitCode.MISSING_UNITS if outages else ExitCode.DONE

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

    def _saved_blocks(self) -> dict[str, str]:
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

    def _rehearse(self, blocks: Mapping[str, str]) -> ExitCode:
        """Everything but model calls: the prompts are made and measured, nothing is sent or graded."""
        runner, instances = self.cell.runner, self.cell.instances
        chars = []
        with Progress("prompts", len(instances)) as progress:
            for i in instances:
                progress.start(i.instance_id)
                chars.append(len(runner.rehearse(i.public(), blocks.get(i.instance_id, ""))))
                progress.finish(i.instance_id, f"{chars[-1]} characters", detail=False)
        requests = sum(1 for n in chars if n)
        log.info("dry run: %d requests, %d prompt characters in all; nothing was sent", requests, sum(chars))
        return ExitCode.DONE

    @cached_property
    def _inference(self) -> Inference:
        cell = self.cell
        return Inference(
            runner=cell.runner,
            layout=cell.layout,
            group_id=cell.group_id,
            run_id=cell.run_id,
            model_name_or_path=cell.model_name_or_path,
            workers=cell.workers,
            price=cell.price,
            budget=cell.budget,
            board=cell.board,
            model=cell.held_model if cell.uses_model else nullcontext(),
        )

    def _infer(self, blocks: Mapping[str, str]) -> None:
        stage = self._inference
        stage.no_context = {n: str(why) for n, why in self.absent.items() if isinstance(why, InfraError)}
        stage.run(self.cell.instances, blocks)
        self.stopped_by = stage.stopped_by or self.stopped_by

    def _evaluate(self) -> None:
        """Grade the predictions that have no verdict on exactly this patch."""
        cell = self.cell
        home = cell.layout.run(cell.group_id, cell.run_id)
        predictions = cell.layout.predictions(cell.group_id, cell.run_id)
        patches = {row["instance_id"]: sha256(row["model_patch"]) for row in read_jsonl(predictions)}
        known = read_json(home / "outcomes.json") or {}
        graded = {
            n
            for n, o in known.items()
            if o["patch_sha256"] == patches.get(n) and Outcome(o["outcome"]).is_verdict
        }
        targets = [i for i in cell.instances if i.instance_id in patches]
        if not targets:
            log.info("evaluate: there is no prediction yet")
            return
        if all(i.instance_id in graded for i in targets):
            log.info(
                "evaluate: %d of %d instances have their verdict already", len(targets), len(cell.instances)
            )
            return
        outcomes = cell.harness.evaluate(predictions, targets, home / "harness")
        rows = {name: {"outcome": o.value, "patch_sha256": patches[name]} for name, o in outcomes.items()}
        write_json(home / "outcomes.json", rows)

    def _exit_code(self) -> ExitCode:
        cell, stages = self.cell, self.cell.config.stages
        found = rows.run_rows(cell.layout, RunRecord(cell).read())
        if "evaluate" in stages and cell.harness.grades:
            missing = [row for row in found if rows.is_missing(row)]
        elif "inference" in stages:
            missing = [row for row in found if row["attempt_status"] in ("", "infra_error")]
        else:
            return ExitCode.DONE
        if missing and self.stopped_by:
            log.warning(
                "%s: raise it, and the same command continues with the other %d",
                self.stopped_by,
                len(missing),
            )
            return ExitCode.BUDGET
        if missing:
            log.warning(
                "%d of %d instances have no result; the same command tries them again",
                len(missing),
                len(found),
            )
        return ExitCode.MISSING_UNITS if missing else ExitCode.DONE
