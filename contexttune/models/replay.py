"""A finished run once more, without an endpoint: its answers are read from its journals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.models.journal import CALLS, Recorded, read_calls

_HASH = re.compile(r"-[0-9a-f]{8}(-shard\d+of\d+)?$")  # of a run_id, after condition and seed


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Answers the requests of a recorded run as they were answered then, and no other.

    `source` is `artifacts/preds/<group_id>/<run_id>`, or `artifacts/preds/<group_id>`: then each cell of a sweep
    replays the run of its own condition and seed, shards of it together. The model that was asked and its sampling
    parameters are not settings here: they are read from the journal, so that requests come out as they were. Only
    the seed is the cell's own: another one is another request, which no journal holds. `name` is what the replay's
    own predictions and group are called. Nothing is paid; a cost is shown, and `runner.cost_limit_usd` held, by
    `price`, which must be that of the recorded run if the limit is to strike at the same call.

    A request that was not recorded is an outage of its instance. Where an attempt was ended by the wall clock, that
    may be its last one.
    """

    version: ClassVar[int] = 1
    answers_from: ClassVar[str] = "journal"
    seed: int
    source: str
    name: str = "replay"
    price: Mapping[str, float | None] | None = field(default=None, metadata=NO_EFFECT)
    run_label: str = ""  # group_id/run_id of the cell

    def preflight(self) -> None:
        """Raise ConfigError when there is nothing to replay."""
        if not any(run.glob(f"*/{CALLS}") for run in self._runs()):
            raise ConfigError(f"model.source={self.source} {_NOT_THERE}")

    def recorded(self, out_dir: Path) -> Recorded:
        """Answers come from the journal of the same instance; the one in `out_dir` stays empty."""
        name = out_dir.name
        found = [run / name / CALLS for run in self._runs() if (run / name / CALLS).exists()]
        if not found:
            raise InfraError(
                f"model.source={self.source} holds no calls of {name}: replay only instances that were attempted there"
            )
        calls = read_calls(found[0])
        sampling = dict(calls[0]["sampling"]) if calls else {}
        if "seed" in sampling:
            sampling["seed"] = self.seed
        return Recorded(
            client=NoEndpoint(sampling=sampling, source=found[0]), path=out_dir / CALLS, source=found[0]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing was opened."""

    def _runs(self) -> list[Path]:
        """The run that `source` is, or those below it that are this cell's. Raises ConfigError unless they are one."""
        home = Path(self.source).expanduser()
        if (home / "preds.jsonl").exists():  # of a run that came in shards it may be all that is there
            return [home, *sorted(home.parent.glob(f"{home.name}-shard*of*"))]
        cell = _HASH.sub("", self.run_label.rpartition("/")[2])
        runs = [path.parent for path in sorted(home.glob("*/preds.jsonl"))]
        own = [run for run in runs if _HASH.sub("", run.name) == cell]
        if len({re.sub(r"-shard\d+of\d+$", "", run.name) for run in own}) > 1:
            names = ", ".join(run.name for run in own)
            raise ConfigError(
                f"model.source={self.source} has several runs of {cell} ({names}): name one of them"
            )
        return own


_NOT_THERE = "has no run of this condition and seed with calls.jsonl in it: give artifacts/preds/<group_id>, or a run's own directory below it"


@dataclass(frozen=True, kw_only=True)
class NoEndpoint:
    """Stands where an endpoint would be asked."""

    sampling: Mapping[str, Any]
    source: Path

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None], **parameters: Any
    ) -> NoReturn:
        raise InfraError(
            f"{self.source} does not hold this request: replay with the settings, versions and seed of that run, or ask an "
            "endpoint where what commands print changes from run to run"
        )

    def __exit__(self, *exc: object) -> None:
        """Nothing was opened."""
