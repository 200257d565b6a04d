"""The kinds of parts. To add one, write a class that inherits its kind, a YAML that constructs it, and a test.

A part is a frozen dataclass. Its fields are the keys of its YAML, which are checked against them. It states a `version`,
which is raised when its results change: class name, version and settings identify it, wherever the class lives. A field
with `metadata=NO_EFFECT` (config/build.py) cannot change a result and is no part of that identity.

A field with one of these names is a service: the experiment supplies it, and it is not a key.

| service       | type                               | supplied to        | what it is                                    |
| ------------- | ---------------------------------- | ------------------ | --------------------------------------------- |
| `model`       | `Model`                            | runner, condition  | the experiment's model                        |
| `seed`        | `int`                              | runner, model      | the run's seed                                |
| `workspace`   | `Workspace`                        | runner, harness    | mirrors and checkouts of repositories         |
| `run_label`   | `str`                              | runner, model      | `<group_id>/<run_id>`                         |
| `run_dir`     | `Path`                             | model              | where the run's records are kept              |
| `rates`       | `Path`                             | model              | rate limits that processes share              |
| `model_price` | `Price | None`                     | runner             | USD per million tokens                        |
| `board`       | `Board`                            | runner             | shows the progress of running attempts        |
| `bundled`     | `bool`                             | harness            | whether only code of this package is executed |
| `repository`  | `Callable[[str, str], RepoAtCommit]` | condition        | any other commit (`owner/name`, sha)          |
| `pool`        | `Sequence[Instance]`               | condition          | the instances of the slice, in all shards     |
| `documents`   | `Documents`                        | condition          | texts that models write, once each            |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

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
    """A repository at `base_commit`, without later commits."""

    repo: str
    base_commit: str
    signals: Mapping[str, Any]  # signal name -> its facts
    tree: Tree


class Dataset(ABC):
    """Rows in the columns of SWE-bench: a slice selects instances from them."""

    version: ClassVar[int]
    location: str  # its name in messages
    is_local: ClassVar[bool] = True  # whether `rows` is quick and needs no network

    @property
    def n_rows(self) -> int | None:
        """Number of rows, if known without loading the dataset."""
        return None

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """All rows, in the dataset's order (columns: instances/row_checks.py). Raises ConfigError."""


class Signal(ABC):
    """Facts extracted from a repository at a commit."""

    version: ClassVar[int]
    name: str

    @abstractmethod
    def extract(self, tree: Tree) -> dict[str, Any]:
        """Facts as JSON values, the same on any machine: sorted, `/` paths, no clock."""


class Card(ABC):
    """One section of a context."""

    version: ClassVar[int]
    name: str

    @abstractmethod
    def render(self, signals: Mapping[str, Any]) -> str | None:
        """Markdown without a heading, most important line first; None when there is nothing to say."""

    def reasons(self, signals: Mapping[str, Any]) -> Mapping[str, str]:
        """Path -> the reason for listing it, for the lines that begin with a path."""
        return {}


class ContextGenerator(ABC):
    """A condition: the context that an agent is given about a repository."""

    version: ClassVar[int]
    name: str
    sends_block: ClassVar[bool] = True  # False for the control arm, which needs no signals either
    needs_gold: ClassVar[bool] = False  # whether `build` takes a GoldInstance

    @property
    def per_instance(self) -> bool:
        """Whether `build` needs the issue. A class variable may take the place of this property."""
        return False

    @property
    def asks(self) -> Model | None:
        """The model that writes this context, or a context that it is made of."""
        return None

    @abstractmethod
    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """The context; an empty text sends no block. `instance` is None unless `per_instance`.

        A condition that uses `documents` raises what `Documents.written` raises.
        """

    def inputs(self, instance: Instance) -> Any:
        """Further inputs of the text as JSON, besides settings, commit and issue: for example a digest of a file."""
        return None

    def reasons(self, repo: RepoAtCommit, instance: Instance | None) -> Sequence[str]:
        """The reason for each line of the text, printed by `task=audit show=`; empty when unknown."""
        return ()


class RecordedModel(Protocol):
    """A model during one attempt. Every answer is written to the attempt's journal before it is returned."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The sampling settings of every request."""

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None] = ..., **parameters: Any
    ) -> Answered:
        """The answer to a request: the journal's if it has one, or else the endpoint's.

        Raises ContextWindowExceeded when the prompt is too long for the model, InfraError when there is no answer.
        """

    def complete(self, messages: Sequence[Message]) -> Completion:
        """The answer to a conversation of texts. Raises as `chat` does."""


class Model(ABC):
    """An endpoint, entered before its first request and left after its last.

    Inherit `models.journaled.JournaledModel` instead, which records the answers, and implement `endpoint` alone.
    """

    version: ClassVar[int]
    name: str | None
    answers_from: ClassVar[str] = "endpoint"  # "script" or "journal" for answers that no endpoint gives
    price: Mapping[str, float | None] | None = None  # USD per million tokens: prompt, cached, completion

    def preflight(self) -> None:
        """Raise PreflightError when no request could succeed."""

    @abstractmethod
    def recorded(self, out_dir: Path) -> RecordedModel:
        """The model for one attempt, whose answers are kept in `out_dir`."""

    def served(self) -> Mapping[str, Any] | None:
        """Facts about a server that the model started, for the run's record."""
        return None

    def probe(self, parameters: Mapping[str, Any]) -> Completion | None:
        """The answer to one small question, for task=doctor; None when it cannot be asked."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class UsesImages(ABC):
    """Mixin of a runner or harness that works in the container images of the instances."""

    @abstractmethod
    def image_digests(self, images: Sequence[str]) -> dict[str, str]:
        """image -> digest, of those that are on this machine. Fetches none."""

    def image_directory(self) -> Path | None:
        """Where the engine stores images; None when it is not known."""
        return None


class Runner(ABC):
    """Turns an instance and a context block into a patch."""

    version: ClassVar[int]
    name: str
    needs_gold: ClassVar[bool] = False  # whether `run` takes a GoldInstance
    workers: int | None = None  # instances at once, instead of the experiment's number

    @property
    def request_parameters(self) -> Mapping[str, Any]:
        """Parameters of its requests besides messages and sampling settings."""
        return {}

    def preflight(self) -> None:
        """Raise PreflightError when no attempt could succeed."""

    def prepare(self, instances: Sequence[Instance]) -> None:
        """Fetch what the attempts need. What cannot be fetched is reported by `run`, for its instance alone."""

    def stop(self) -> None:
        """End running attempts soon, because the run was interrupted. Their `run` then raises InfraError."""

    def rehearse(self, instance: Instance, block: str) -> str:
        """The text of the first request, for a dry run; "" when there is no request."""
        return ""

    @abstractmethod
    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        """One attempt, with its files in `out_dir`. Raises InfraError for an outage.

        An attempt that was interrupted is made again from its start; as long as it sends the same requests, it is given
        the answers that are recorded in `out_dir`.
        """


class Harness(ABC):
    """Grades predictions."""

    version: ClassVar[int]
    name: str
    official: ClassVar[bool] = False  # whether verdicts are those of the unchanged SWE-bench harness
    grades: ClassVar[bool] = True  # False: there are no verdicts, and a run is complete without them

    def preflight(self, instances: Sequence[GoldInstance]) -> None:
        """Raise PreflightError when nothing could be graded."""

    @abstractmethod
    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        """instance_id -> outcome, of every prediction. A second call grades only what has no verdict yet.

        `predictions` is JSONL with `instance_id`, `model_name_or_path`, `model_patch`; `out_dir` is kept between calls.
        The outcome is `infra_error` where an outage prevented the grading.
        """

    @staticmethod
    def judged(out_dir: Path, patches: Mapping[str, str]) -> dict[str, Outcome]:
        """Verdicts on patches (by instance_id) as the files in `out_dir` give them, for task=verify."""
        return {}


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """Result of a task.

    Attributes:
        groups: group_id -> the layout of its files, for each group that the task worked on.
        summaries: group_id -> its summary, for each group that was summarized.
        objective: the value that a sweeper maximizes.
    """

    exit_code: ExitCode = ExitCode.DONE
    groups: Mapping[str, Layout] = field(default_factory=dict)
    summaries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    objective: float | None = None


class Task(ABC):
    """A subcommand, chosen by `task=`. It needs no version, since it is not part of any result."""

    name: str

    @abstractmethod
    def execute(self, cfg: DictConfig) -> TaskResult:
        """Run the task. Raises ContextTuneError, which carries the exit code."""
