"""Documents that models write about commits. Each is requested once for all runs, and stored with its cost.

A document is stored beside the contexts of its commit, in a directory named by the model and its settings, the prompt and the
document seed. It contains `document.json`, the prompt, and the journal of the request, which restores the answer after a kill.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contexttune.config.build import settings_of
from contexttune.errors import (
    ConfigError,
    InfraError,
    NotWritten,
    OverBudget,
    RequestRejected,
    UnusableDocument,
)
from contexttune.interfaces import Model, RepoAtCommit
from contexttune.models.journal import CALLS
from contexttune.models.prices import cost_usd, price_of
from contexttune.models.shared import SharedModel
from contexttune.models.spending import Budget
from contexttune.models.wire import ContextWindowExceeded, RequestRefused, completion_of
from contexttune.paths import Layout, slug
from contexttune.system.files import fingerprint, locked, read_json, write_atomic, write_json
from contexttune.system.outage_streak import OutageStreak
from contexttune.system.redaction import without_passwords
from contexttune.types import Answered, Document, Message

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_MAX_WORD_CHARS = 1000


@dataclass(frozen=True, kw_only=True)
class _Request:
    """A document that may have to be written."""

    home: Path  # directory of the document
    model: Model
    repo: RepoAtCommit
    messages: Sequence[Message]
    parameters: Mapping[str, Any]

    @property
    def where(self) -> str:
        return f"{self.repo.repo}@{self.repo.base_commit[:10]}"

    def write_prompt(self) -> None:
        write_atomic(self.home / "prompt.md", "\n\n".join(one["content"] for one in self.messages) + "\n")

    def not_written(self) -> NotWritten:
        error = NotWritten(
            f"the document of {self.where} by model.name={self.model.name} has not been written: "
            "run stages=[signals,context] with the same model and condition first"
        )
        error.prompt_chars = sum(len(one["content"]) for one in self.messages)
        return error


@dataclass(kw_only=True)
class Documents:
    """The documents of one run, which threads may share. Models are asked only inside `opened`."""

    layout: Layout
    label: str  # group_id/run_id, recorded as the payer
    prices: Mapping[str, Mapping[str, Any]]
    budget: Callable[[], Budget]
    main: SharedModel  # the experiment's own model, which other stages use too
    used: dict[str, Document] = field(default_factory=dict)  # directory -> document
    _open: ExitStack | None = None
    _until: ExitStack | None = None
    _is_rehearsal: bool = False
    _entered: dict[int, SharedModel] = field(default_factory=dict)  # id(model) -> model
    _outages: OutageStreak = field(default_factory=OutageStreak)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def opened(self, until: ExitStack) -> Iterator[None]:
        """Allow requests. Each model is entered before its first request and left at the end.

        The experiment's own model is left when `until` ends: the next stage uses it, and loading can take minutes.
        """
        with ExitStack() as entered:
            self._open, self._until = entered, until
            try:
                yield
            finally:
                self._open = self._until = None
                self._entered.clear()

    @contextmanager
    def rehearsed(self) -> Iterator[None]:
        """Write the prompts of missing documents to their directories, without asking a model."""
        self._is_rehearsal = True
        try:
            yield
        finally:
            self._is_rehearsal = False

    def written(
        self, model: Model, repo: RepoAtCommit, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> Document:
        """The document, from disk or else from the model. `parameters` are sent with the request and contain `seed`.

        Raises:
            NotWritten: it is missing, and models may not be asked here.
            OverBudget: the budget does not allow another request.
            UnusableDocument: the prompt is too long for the model.
            InfraError: no answer, or the same outage has repeated too often to try again.
        """
        model_id = f"{slug(model.name)[:60]}-{fingerprint(without_passwords(settings_of(model)))}"
        document_id = f"document-{fingerprint([messages, dict(parameters)], 16)}"
        home = self.layout.document(repo.repo, repo.base_commit, model_id, document_id)
        found = _read(home)
        if found is None:
            request = _Request(home=home, model=model, repo=repo, messages=messages, parameters=parameters)
            if self._is_rehearsal:
                request.write_prompt()
            if self._open is None:
                raise request.not_written()
            with locked(home / "document.lock"):  # other processes wait for the answer instead of paying too
                found = _read(home)
                if found is None:
                    log.info("%s: asking %s for a document", request.where, model.name)
                    found = self._write(request)
        self.use(found)
        return found

    def use(self, document: Document) -> None:
        """Count a document as used by the run, and charge it to the run's budget if the run paid for it."""
        with self._lock:
            self.used[str(self._home(document))] = document
            if document.paid_by == self.label:
                self.budget().note(str(self._home(document)), asdict(document))

    def keep_calls(self, run_home: Path) -> None:
        """Copy the journals to the run's attempts, so that the run can be replayed from there."""
        for document in self.used.values():
            calls = self._home(document) / CALLS
            if calls.exists() and calls.stat().st_size:
                write_atomic(run_home / document.document_id / CALLS, calls.read_bytes())

    def _home(self, document: Document) -> Path:
        return self.layout.document(
            document.repo, document.base_commit, document.model_id, document.document_id
        )

    def _write(self, request: _Request) -> Document:
        model, repo = request.model, request.repo
        price = price_of({"name": model.name, "price": model.price}, self.prices)
        self._check_limits(model, is_priced=price is not None)
        completion = completion_of(self._ask(request))
        usage = completion.usage
        document = Document(
            document_id=request.home.name,
            model_id=request.home.parent.name,
            repo=repo.repo,
            base_commit=repo.base_commit,
            model=str(model.name),
            served_model=_storable(completion.served_model),
            document_seed=request.parameters["seed"],
            text=completion.text,
            finish_reason=_storable(completion.finish_reason),
            refusal=_storable(completion.refusal) if completion.refusal else None,
            n_calls=1,
            cost_usd=cost_usd(price, usage),
            paid_by=self.label,
            **asdict(usage),
        )
        head = {"schema_version": _SCHEMA_VERSION, "parameters": dict(request.parameters)}
        request.write_prompt()
        write_json(request.home / "document.json", head | asdict(document))
        return document

    def _check_limits(self, model: Model, *, is_priced: bool) -> None:
        with self._lock:
            if not is_priced and self.budget().limits_cost:
                raise ConfigError(
                    f"budget.cost_usd needs the price of {model.name}, which writes documents: set its price={{prompt: USD, completion: USD}}"
                )
            if why := self.budget().exceeded():
                raise OverBudget(why)
            if outage := self._outages.repeated:
                raise InfraError(outage)

    def _ask(self, request: _Request) -> Answered:
        self._enter(request.model)
        try:
            with request.model.recorded(request.home) as recorded:
                answered = recorded.chat(request.messages, **request.parameters)
        except ContextWindowExceeded as error:
            raise UnusableDocument(
                f"the prompt of a document is too long for {request.model.name}, lower condition.prompt_budget_chars: {error}"
            ) from None
        except RequestRefused as error:
            raise UnusableDocument(f"{request.model.name} refuses to write a document: {error}") from None
        except RequestRejected:
            raise  # the endpoint is up, and other documents may succeed
        except InfraError as error:
            self._outages.add(str(error))
            raise
        self._outages.end()
        return answered

    def _enter(self, model: Model) -> None:
        with self._lock:
            if id(model) in self._entered or self._open is None or self._until is None:
                return
            is_main = model is self.main.model
            shared = self.main if is_main else SharedModel(model)
            shared.preflight()
            self._entered[id(model)] = (self._until if is_main else self._open).enter_context(shared)


def _storable(value: object) -> str:
    """A server's value, which may be of any type and size, as a text that a file can hold."""
    return str(value)[:_MAX_WORD_CHARS].encode("utf-8", "replace").decode()


def _read(home: Path) -> Document | None:
    """The document, or None when it is missing or damaged, in which case it is restored from its journal."""
    try:
        saved = read_json(home / "document.json")
        return None if saved is None else Document(**{key: saved[key] for key in Document.__annotations__})
    except (ValueError, KeyError, TypeError):
        log.warning("%s is damaged; restoring it from its journal", home / "document.json")
        return None
