"""Repeat a finished run without an endpoint: answers come from its journals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.interfaces import Model
from contexttune.models.journal import CALLS, read_calls
from contexttune.models.journaled import JournaledClient

_HASH = re.compile(r"-[0-9a-f]{8}(-shard\d+of\d+)?$")  # the end of a run_id, after condition and seed


@dataclass(frozen=True, kw_only=True)
class Replay(Model):
    """Answers the requests of a recorded run with their recorded answers, and no other request.

    Model name and sampling parameters are read from the journal; only the seed is the cell's own. A request that was
    not recorded is an outage of its instance, possibly after the last answer before a wall-clock limit.

    Attributes:
        source: `artifacts/preds/<group_id>/<run_id>`; or `artifacts/preds/<group_id>`, and each cell of a sweep replays
            the run of its own condition and seed, all shards together.
        name: names the replay's own predictions and group.
        price: nothing is paid, but the cost is shown and counts towards `runner.cost_limit_usd`: give the recorded run's.
    """

    version: ClassVar[int] = 1
    answers_from: ClassVar[str] = "journal"
    seed: int
    source: str
    name: str = "replay"
    price: Mapping[str, float | None] | None = field(default=None, metadata=NO_EFFECT)
    run_label: str = ""  # group_id/run_id of the cell

    def preflight(self) -> None:
        """Raise ConfigError unless `source` has a journal."""
        if not any(True for run in self._runs() for _ in run.glob(f"*/{CALLS}")):
            raise ConfigError(
                f"model.source={self.source} has no run of this condition and seed with {CALLS}: give "
                "artifacts/preds/<group_id>, or the directory of a run in it"
            )

    def recorded(self, out_dir: Path) -> JournaledClient:
        """A client that answers from the same instance's journal in `source`; the one in `out_dir` stays empty."""
        name = out_dir.name
        found = [run / name / CALLS for run in self._runs() if (run / name / CALLS).exists()]
        if not found:
            raise InfraError(
                f"model.source={self.source} has no calls of {name}: replay only instances that were attempted there"
            )
        calls = read_calls(found[0])
        sampling = dict(calls[0]["sampling"]) if calls else {}
        if "seed" in sampling:
            sampling["seed"] = self.seed
        return JournaledClient(
            client=NoEndpoint(sampling=sampling, source=found[0]), path=out_dir / CALLS, source=found[0]
        )

    def _runs(self) -> list[Path]:
        """The directories of the run to replay, one per shard. Raises ConfigError when several runs match the cell."""
        home = Path(self.source).expanduser()
        if (home / "preds.jsonl").exists():  # a report merges the shards' predictions
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


@dataclass(frozen=True, kw_only=True)
class NoEndpoint:
    """The client of a replay: every call that reaches it is missing from the journal."""

    sampling: Mapping[str, Any]
    source: Path

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None], **parameters: Any
    ) -> NoReturn:
        raise InfraError(
            f"{self.source} does not have this request: replay with the settings, versions and seed of that run, or use an "
            "endpoint if the output of commands varies between runs"
        )

    def __exit__(self, *exc: object) -> None: ...
