"""One run (one condition, one seed): the stages in order. The only module that knows them all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import cached_property

from omegaconf import DictConfig

from contexttune.errors import ExitCode
from contexttune.experiment import drift, leak_check, rows
from contexttune.experiment.blocks import Blocks
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.finished_work import unfinished
from contexttune.experiment.inference import Inference
from contexttune.experiment.run_record import RunRecord
from contexttune.system import gpu
from contexttune.system.files import write_json
from contexttune.system.progress import Progress
from contexttune.system.run_lock import sole_worker

log = logging.getLogger(__name__)


def run_experiment(cfg: DictConfig) -> tuple[Cell, ExitCode]:
    """Run or resume the run that `cfg` describes. Raises ContextTuneError."""
    cell = cell_of(cfg)
    return cell, Experiment(cell).run()


@dataclass
class Experiment:
    """A run in progress."""

    cell: Cell

    def run(self) -> ExitCode:
        """signals -> context -> inference -> evaluation -> rows; each stage skips what is done already."""
        cell, stages = self.cell, self.cell.config.stages
        with ExitStack() as stack:
            self._preflight()
            if cell.keeps_records:
                stack.enter_context(sole_worker(cell.layout.run_lock(cell.group_id, cell.run_id)))
            log.info("run %s of group %s: %d instances", cell.run_id, cell.group_id, len(cell.instances))
            reproduced = drift.reproduction(cell)
            drift.warn(cell, reproduced)
            serving = stack.enter_context(ExitStack())
            blocks = self._blocks.make(serving)
            leak_check.check(cell, blocks)
            if cell.config.dry_run:
                return self._dry_run(blocks)
            if not cell.keeps_records:
                return self._blocks.exit_code()
            with RunRecord(cell).kept(reproduced), gpu.sampled(cell.layout.run(cell.group_id, cell.run_id)):
                if "inference" in stages:
                    self._inference.no_context = self._blocks.outages
                    self._inference.run(cell.instances, blocks)
                serving.close()
                if "evaluate" in stages:
                    _evaluate(cell)
                rows.keep_rows(cell.layout, RunRecord(cell).read())
        return self._exit_code()

    def _preflight(self) -> None:
        """Check everything that can be checked before anything is computed."""
        cell, stages = self.cell, self.cell.config.stages
        live = not cell.config.dry_run
        cell.check()
        if live and "inference" in stages:
            if cell.uses_model:
                cell.shared_model.preflight()
            cell.runner.preflight()
        if cell.keeps_records:
            RunRecord(cell).check()
        if live and "evaluate" in stages:
            cell.harness.preflight(cell.instances)

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(self.cell, before_documents=lambda: self._inference.load_accounts(self.cell.instances))

    @cached_property
    def _inference(self) -> Inference:
        cell = self.cell
        return Inference(
            runner=cell.runner,
            done=cell.finished_work,
            model_name_or_path=cell.model_name_or_path,
            workers=cell.workers,
            price=cell.price,
            budget=cell.budget,
            board=cell.board,
            model=cell.shared_model if cell.uses_model else nullcontext(),
        )

    def _dry_run(self, blocks: Mapping[str, str]) -> ExitCode:
        """Make and measure the prompts; send nothing."""
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

    def _exit_code(self) -> ExitCode:
        cell = self.cell
        found = rows.run_rows(cell.layout, RunRecord(cell).read())
        missing = unfinished(found, cell.config.stages, grades=cell.harness.grades)
        if not missing:
            return ExitCode.DONE
        stopped_by = self._inference.stopped_by or self._blocks.stopped_by
        if stopped_by:
            message = "%s: raise it and run the same command again for the other %d instances"
            log.warning(message, stopped_by, len(missing))
            return ExitCode.BUDGET
        message = "%d of %d instances have no result; run the same command again to retry them"
        log.warning(message, len(missing), len(found))
        return ExitCode.MISSING_UNITS


def _evaluate(cell: Cell) -> None:
    """Have the harness grade the predictions that have no verdict yet, and write outcomes.json."""
    done = cell.finished_work
    patches = done.patches()
    predicted = [i for i in cell.instances if i.instance_id in patches]
    if not predicted:
        log.info("evaluate: there is no prediction yet")
        return
    if not done.ungraded(predicted):
        log.info("evaluate: %d of %d instances already have a verdict", len(predicted), len(cell.instances))
        return
    outcomes = cell.harness.evaluate(done.predictions, predicted, done.outcomes.parent / "harness")
    rows = {name: {"outcome": o.value, "patch_sha256": patches[name]} for name, o in outcomes.items()}
    write_json(done.outcomes, rows)
