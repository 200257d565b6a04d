"""Texts that models write about commits: each is asked for once, whatever asks for it, and kept with what it took.

A document lies beside the contexts of its commit, in a directory that the model and its settings, the prompt and the
document seed name: `document.json`, the prompt, and the journal of the call, from which it is made again where a kill came between.
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
from contexttune.errors import ConfigError, InfraError, NotWritten, OverBudget, UnusableDocument
from contexttune.interfaces import Model, RepoAtCommit
from contexttune.models.journal import CALLS
from contexttune.models.prices import cost_usd, price_of
from contexttune.models.shared import SharedModel
from contexttune.models.spending import Budget
from contexttune.models.wire import ContextWindowExceeded, completion_of
from contexttune.paths import Layout, slug
from contexttune.system.files import fingerprint, locked, read_json, write_atomic, write_json
from contexttune.system.outage_streak import OutageStreak
from contexttune.system.redaction import without_passwords
from contexttune.types import Answered, Document, Message

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_WORD_CHARS = 1000


@dataclass(kw_only=True)
class Documents:
    """The documents of one run. Without `opened`, those that are there are read and none is asked for. Threads may share it."""

    layout: Layout
    label: str  # group_id/run_id: who pays
    prices: Mapping[str, Mapping[str, Any]]
    budget: Callable[[], Budget]
    main: SharedModel  # the experiment's own model, which other stages use too
    used: dict[str, Document] = field(default_factory=dict)  # by place, those that were handed out
    _open: ExitStack | None = None
    _until: ExitStack | None = None
    _is_rehearsal: bool = False
    _held: dict[int, SharedModel] = field(default_factory=dict)
    _outages: OutageStreak = field(default_factory=OutageStreak)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def opened(self, until: ExitStack) -> Iterator[None]:
        """Inside, models are asked. Each is entered when there is something to ask it, and left at the end.

        The experiment's own is left when `until` ends: the next stage uses it, and it may have taken minutes to load.
        """
        with ExitStack() as entered:
            self._open, self._until = entered, until
            try:
                yield
            finally:
                self._open = self._until = None
                self._held.clear()

    @contextmanager
    def rehearsed(self) -> Iterator[None]:
        """Inside, prompts of documents that are not there are written where these would lie; no model is asked."""
        self._is_rehearsal = True
        try:
            yield
        finally:
            self._is_rehearsal = False

    def written(
        self, model: Model, repo: RepoAtCommit, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> Document:
        """The model's answer, asked for unless it is there; `parameters` are of the wire, and hold its `seed`.

        Raises:
            NotWritten: it is not there, and models are not asked here.
            OverBudget: nor may it be paid for.
            UnusableDocument: the prompt is too long for the model.
            InfraError: no answer, or none to the last that were asked, so that the rest is not.
        """
        model_id = f"{slug(model.name)[:60]}-{fingerprint(without_passwords(settings_of(model)))}"
        document_id = f"document-{fingerprint([messages, dict(parameters)], 16)}"
        home = self.layout.document(repo.repo, repo.base_commit, model_id, document_id)
        found = _read(home)
        if found is None:
            where = f"{repo.repo}@{repo.base_commit[:10]}"
            if self._is_rehearsal:
                _write_prompt(home, messages)
            if self._open is None:
                raise _not_written(where, model, messages)
            with locked(home / "document.lock"):  # held while the model answers: others wait, and do not pay
                found = _read(home)
                if found is None:
                    log.info("%s: %s is asked for a document", where, model.name)
                    found = self._write(home, model, repo, messages, parameters)
        self.use(found)
        return found

    def use(self, document: Document) -> None:
        """Count a document as one of the run's; where the run has paid for it, its budget knows."""
        with self._lock:
            self.used[str(self._home(document))] = document
            if document.paid_by == self.label:
                self.budget().note(str(self._home(document)), asdict(document))

    def keep_calls(self, run_home: Path) -> None:
        """Put the paid answers beside those of the run's attempts, so that it can be replayed from there."""
        for document in self.used.values():
            calls = self._home(document) / CALLS
            if calls.exists() and calls.stat().st_size:
                write_atomic(run_home / document.document_id / CALLS, calls.read_bytes())

    def _home(self, document: Document) -> Path:
        of = document
        return self.layout.document(of.repo, of.base_commit, of.model_id, of.document_id)

    def _write(
        self,
        home: Path,
        model: Model,
        repo: RepoAtCommit,
        messages: Sequence[Message],
        parameters: Mapping[str, Any],
    ) -> Document:
        price = price_of({"name": model.name, "price": model.price}, self.prices)
        with self._lock:
            if price is None and self.budget().limits_cost:
                raise ConfigError(
                    f"budget.cost_usd needs the price of {model.name}, which writes documents: set its price={{prompt: USD, completion: USD}}"
                )
            if why := self.budget().exceeded():
                raise OverBudget(why)
            if outage := self._outages.repeated:
                raise InfraError(outage)
        completion = completion_of(self._ask(home, model, messages, parameters))
        usage = completion.usage
        document = Document(
            document_id=home.name,
            model_id=home.parent.name,
            repo=repo.repo,
            base_commit=repo.base_commit,
            model=str(model.name),
            served_model=_plain(completion.served_model),
            document_seed=parameters["seed"],
            text=completion.text,
            finish_reason=_plain(completion.finish_reason),
            refusal=_plain(completion.refusal) if completion.refusal else None,
            n_calls=1,
            cost_usd=cost_usd(price, usage),
            paid_by=self.label,
            **asdict(usage),
        )
        head = {"schema_version": _SCHEMA_VERSION, "parameters": dict(parameters)}
        _write_prompt(home, messages)
        write_json(home / "document.json", head | asdict(document))
        return document

    def _ask(
        self, home: Path, model: Model, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> Answered:
        self._enter(model)
        try:
            with model.recorded(home) as asked:
                answered = asked.chat(messages, **parameters)
        except ContextWindowExceeded as error:
            raise UnusableDocument(
                f"the prompt of a document is too long for {model.name}, lower condition.prompt_budget_chars: {error}"
            ) from None
        except InfraError as error:
            self._outages.add(str(error))
            raise
        self._outages.end()
        return answered

    def _enter(self, model: Model) -> None:
        with self._lock:
            if id(model) in self._held or self._open is None or self._until is None:
                return
            is_main = model is self.main.model
            held = self.main if is_main else SharedModel(model)
            held.preflight()
            self._held[id(model)] = (self._until if is_main else self._open).enter_context(held)


def _plain(value: object) -> str:
    """What a server may have put where a word should be, as a text that a file can hold."""
    return str(value)[:_WORD_CHARS].encode("utf-8", "replace").decode()


def _write_prompt(home: Path, messages: Sequence[Message]) -> None:
    write_atomic(home / "prompt.md", "\n\n".join(message["content"] for message in messages) + "\n")


def _not_written(where: str, model: Model, messages: Sequence[Message]) -> NotWritten:
    error = NotWritten(
        f"the document of {where} by model.name={model.name} has not been written: a run with the same model and condition "
        "writes it, of which stages=[signals,context] is enough"
    )
    error.prompt_chars = sum(len(message["content"]) for message in messages)
    return error


def _read(home: Path) -> Document | None:
    """None where there is none, or a power cut has damaged it: its journal gives the answer again."""
    try:
        saved = read_json(home / "document.json")
        return None if saved is None else Document(**{key: saved[key] for key in Document.__annotations__})
    except (ValueError, KeyError, TypeError):
        log.warning("%s is damaged, and made again of its journal", home / "document.json")
        return None
