"""One run: one condition, one seed, the stages in their order. The only module that knows them all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from omegaconf import DictConfig

from contexttune.errors import ExitCode, InfraError
from contexttune.experiment import drift, leak_check, rows
from contexttune.experiment.blocks import Blocks
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.evaluate import evaluate
from contexttune.experiment.inference import Inference
from contexttune.experiment.run_record import RunRecord
from contexttune.system import gpu
from contexttune.system.progress import Progress
from contexttune.system.run_lock import sole_worker

log = logging.getLogger(__name__)


def run_experiment(cfg: DictConfig) -> tuple[Cell, ExitCode]:
    """Run or resume the run that `cfg` describes. Raises ContextTuneError."""
    cell = cell_of(cfg)
    return cell, Experiment(cell).run()


@dataclass
class Experiment:
    """A run while it runs."""

    cell: Cell
    stopped_by: str | None = None  # the budget that ended inference, or the writing of documents
    _blocks: Blocks = field(init=False)

    def __post_init__(self) -> None:
        self._blocks = Blocks(
            self.cell, before_documents=lambda: self._inference.remember(self.cell.instances)
        )

    def run(self) -> ExitCode:
        cell, stages = self.cell, set(self.cell.config.stages)
        with ExitStack() as stack:
            self._preflight()
            if cell.keeps_records:
                stack.enter_context(sole_worker(cell.layout.run_lock(cell.group_id, cell.run_id)))
            log.info("run %s of group %s: %d instances", cell.run_id, cell.group_id, len(cell.instances))
            reproduced = drift.reproduction(cell)
            drift.warn(cell, reproduced)
            serving = stack.enter_context(ExitStack())
            blocks = self._blocks.build(serving) if stages & {"signals", "context"} else None
            if blocks is None or "context" not in stages:
                blocks = self._blocks.saved() if "inference" in stages else {}
            self._blocks.count_documents(blocks)
            leak_check.check(cell, blocks)
            if cell.config.dry_run:
                return self._rehearse(blocks)
            if not cell.keeps_records:
                return self._code_of_contexts()
            with RunRecord(cell).kept(reproduced), gpu.sampled(cell.layout.run(cell.group_id, cell.run_id)):
                if "inference" in stages:
                    self._infer(blocks)
                serving.close()
                if "evaluate" in stages:
                    evaluate(cell)
                rows.keep_rows(cell.layout, RunRecord(cell).read())
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

    def _code_of_contexts(self) -> ExitCode:
        """Of a run that only builds contexts."""
        outages = [
            f"{name}: {why}"
            for name, why in sorted(self._blocks.absent.items())
            if isinstance(why, InfraError)
        ]
        for words in outages:
            log.warning("%s; the same command tries it again", words)
        if self._blocks.stopped_by:
            return ExitCode.BUDGET
        return ExitCode.MISSING_UNITS if outages else ExitCode.DONE

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
        stage.no_context = {
            n: str(why) for n, why in self._blocks.absent.items() if isinstance(why, InfraError)
        }
        stage.run(self.cell.instances, blocks)
        self.stopped_by = stage.stopped_by or self._blocks.stopped_by

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
