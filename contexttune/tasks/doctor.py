"""task=doctor: would the run that is configured work here?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from contexttune.doctor.finding import Finding

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Look at all that a run needs, say what is wrong with each and how to mend it. Nothing is built, run or kept."""

    name: str = "doctor"

    def execute(self, cfg: DictConfig) -> int:
        from contexttune.cell import cell_of
        from contexttune.doctor.checks import examine
        from contexttune.errors import ExitCode

        findings = []
        for finding in examine(cell_of(cfg)):
            log.info(finding.line)
            findings.append(finding)
        _conclude(findings)
        return ExitCode.DONE


def _conclude(findings: Sequence[Finding]) -> None:
    """One sentence. Raises PreflightError with it, for whoever sees no more of a sweep's job than how it ended."""
    from contexttune.doctor.finding import State
    from contexttune.errors import PreflightError

    failed = [finding.what for finding in findings if finding.state is State.FAILED]
    if failed:
        raise PreflightError(f"a run would fail here for want of {', '.join(failed)}")
    n_warnings = sum(finding.state is State.WARNING for finding in findings)
    log.info("a run would work here%s", f", with {n_warnings} warnings" if n_warnings else "")
