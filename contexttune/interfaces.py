"""The seams. A new part is one class that meets one of these, one YAML that constructs it, one test.

Parts are frozen dataclasses: their fields are the keys of their YAML and are checked against it. A field
named like a service (`model`, `workspace`, `seed`, `bundled`) is not a key: the experiment supplies it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from contexttune.errors import ExitCode

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from contexttune.paths import Layout
    from contexttune.repos.git import Tree
    from contexttune.types import (
        Answered,
        Attempt,
        Completion,
        Context,
        GoldInstance,
        Instance,
        Message,
        Outcome,
    )


@dataclass(frozen=True, kw_only=True)
class RepoAtCommit:
    """A repository at `base_commit`, and nothing later."""

    repo: str
    base_commit: str
    signals: Mapping[str, Any]  # signal name -> what it extracted
    tree: Tree


@runtime_checkable
class Signal(Protocol):
    """A fact extracted from a repository at a commit.

    One may also have `launch(tree) -> None` and `start(tree) -> None`, called in this order before any signal is
    extracted. The first only starts child processes, the second begins what can run beside the others and may
    wait for what the first started; `extract` works without them too.
    """

    @property
    def name(self) -> str: ...

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Facts as JSON values, the same on any machine: sorted, `/` paths, no clock."""
        ...


@runtime_checkable
class Card(Protocol):
    """One section of a context.

    One may also have `reasons(signals) -> Mapping[str, str]`: path -> why it is named in a line that begins with it.
    """

    @property
    def name(self) -> str: ...

    def render(self, signals: Mapping[str, Any]) -> str | None:
        """Markdown without a heading, most important line first; None: nothing to say."""
        ...


@runtime_checkable
class ContextGenerator(Protocol):
    """A condition: what it tells an agent about a repository.

    One may also have `needs_gold: ClassVar[bool]`: `build` then gets a GoldInstance; and `inputs(instance) -> Any`, JSON of
    what determines its text besides settings, commit and issue, such as the content of a file;
    `reasons(repo, instance) -> Sequence[str]`: why each line of its text stands there, which `task=audit show=` tells. Services
    that it may have fields for:
    `repository: Callable[[str, str], RepoAtCommit]`, any other commit (owner/name, sha) with its signals,
    `pool: Sequence[Instance]`, the slice, to choose one from, and `documents: Documents` with `model: Model`, for what a model
    writes. One that has these has `asks: Model` too, the model that it asks, and its `build` raises what `Documents.written` does.
    """

    @property
    def name(self) -> str: ...

    @property
    def per_instance(self) -> bool:
        """Whether `build` needs the issue; a class variable, unless a setting decides it."""
        ...

    sends_block: ClassVar[bool]  # False: the control arm, which needs no signals either

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """The context; an empty text sends no block. `instance` is None unless `per_instance`."""
        ...


class RecordedModel(Protocol):
    """A model as one attempt asks it: every answer is in the attempt's journal before it is used."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The sampling settings that every request carries."""
        ...

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None] = ..., **parameters: Any
    ) -> Answered:
        """The journal's answer to this request, or else the endpoint's.

        Raises:
            ContextWindowExceeded: the prompt is too long for the model.
            InfraError: no answer.
        """
        ...

    def complete(self, messages: Sequence[Message]) -> Completion:
        """One answer to a conversation of texts. Raises as `chat` does."""
        ...


@runtime_checkable
class Model(Protocol):
    """An endpoint. Entered before the first call and left after the last, when there are calls to be made.

    One may also have `served() -> Mapping | None`: what it found on a server of its own, for the run's record, and
    `probe(parameters) -> Completion | None`: one small question for task=doctor, or None where none can be asked. One whose
    answers no endpoint gives says so by a class variable `answers_from`: "script" for such as were written beforehand,
    "journal" for those of an earlier run.
    """

    @property
    def name(self) -> str | None: ...

    def preflight(self) -> None:
        """Raise PreflightError when no call could succeed."""
        ...

    def recorded(self, out_dir: Path) -> RecordedModel:
        """The only way to ask it: for the attempt whose own directory is `out_dir`, where each answer is kept.

        A model that inherits `models.journaled.JournaledModel` only says what its endpoint is.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class Runner(Protocol):
    """Turns an instance and a context block into a patch.

    One may also have `prepare(instances) -> None`, called before the first of these attempts to fetch what they
    need; what cannot be fetched costs its instance an attempt, later. `image_digests(images) -> dict[str, str]` says which
    container images are here, without fetching any, so that a run that is reproduced can be told from them.
    `request_parameters: Mapping[str, Any]` is what its requests carry besides messages and sampling. A field `workers` (instances at once) goes before the experiment's own.
    """

    @property
    def name(self) -> str: ...

    needs_gold: ClassVar[bool]  # whether `run` takes a GoldInstance

    def preflight(self) -> None:
        """Raise PreflightError when no attempt could succeed."""
        ...

    def stop(self) -> None:
        """The run is interrupted: end attempts under way soon; their `run` then raises InfraError."""
        ...

    def rehearse(self, instance: Instance, block: str) -> str:
        """The text that the first request would carry, for a dry run; "" when there is no request."""
        ...

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        """One attempt. Raises InfraError for an outage; `out_dir` is the instance's own directory.

        An attempt that was cut off is made again from its start: what the model has answered is then answered
        from `out_dir`, as long as the same is asked.
        """
        ...


@runtime_checkable
class Harness(Protocol):
    """Grades predictions. One may also have a runner's `image_digests`, and `image_directory() -> Path`, where these lie on the
    engine's machine.

    `judged(out_dir, patches) -> dict[str, Outcome]`, a static method, reads verdicts on patches (by instance_id) again from what
    lies in `out_dir`, for task=verify.
    """

    @property
    def name(self) -> str: ...

    official: ClassVar[bool]  # whether its verdict is the unchanged SWE-bench harness's
    grades: ClassVar[bool]  # False: it gives no verdicts, and a run without them is complete

    def preflight(self, instances: Sequence[GoldInstance]) -> None:
        """Raise PreflightError when nothing could be graded."""
        ...

    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        """Outcome of every instance that has a prediction; a second call grades only what has no verdict.

        `predictions` is JSONL with `instance_id`, `model_name_or_path`, `model_patch`; `out_dir` is kept
        between calls. An instance whose grading was an outage is `infra_error`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a task did.

    Attributes:
        groups: group_id -> where the files lie of each group that it worked on.
        summaries: group_id -> the summary, of the groups that it summarized.
        objective: what a sweeper that optimizes is to maximize.
    """

    exit_code: ExitCode = ExitCode.DONE
    groups: Mapping[str, Layout] = field(default_factory=dict)
    summaries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    objective: float | None = None


@runtime_checkable
class Task(Protocol):
    """A verb of the command line."""

    @property
    def name(self) -> str: ...

    def execute(self, cfg: DictConfig) -> TaskResult:
        """Do it. Raises ContextTuneError with the exit code for what stopped it."""
        ...
