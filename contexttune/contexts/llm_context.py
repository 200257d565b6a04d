"""An overview that a model writes from the facts of a commit, before any issue is seen."""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.budget import Unit, check, cut, cut_to
from contexttune.contexts.documents import Documents
from contexttune.errors import ArtifactError, ConfigError, UnusableDocument
from contexttune.injection import block
from contexttune.interfaces import ContextGenerator, Model, RepoAtCommit
from contexttune.types import Context, Document, Instance, Message

log = logging.getLogger(__name__)

_THOUGHTS = "<think>", "</think>"
_FENCE = "```"
_INVISIBLE = ("Cc", "Cf")  # control and format characters
_LINE_ENDS = str.maketrans(dict.fromkeys("\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))


@dataclass(frozen=True, kw_only=True)
class LlmContext(ContextGenerator):
    """What `writer`, or else the experiment's model, answers to `instructions` and `material` at the commit.

    The answer is asked for once a commit and `document_seed`, which goes to the model in the place of the run's seed: runs of all
    seeds are given the same document, and another document seed draws another one. `material` are contexts that need no
    issue, by the heading that they get in the prompt; the last are cut where the prompt would be longer than
    `prompt_budget_chars`. In `instructions`, {repo} and {budget} are filled in. `temperature` null is the model's own.
    """

    version: ClassVar[int] = 1
    name: str = "llm_context"
    instructions: str
    material: dict[str, ContextGenerator]
    document_seed: int = 0
    temperature: float | None = None
    budget: int = 3200
    budget_unit: Unit = "chars"
    prompt_budget_chars: int = 24_000
    writer: Model | None = None
    model: Model
    documents: Documents

    def __post_init__(self) -> None:
        check(self.budget, self.budget_unit)
        if self.document_seed < 0:
            raise ConfigError(f"condition.document_seed must be at least 0, got {self.document_seed}")
        for name, generator in self.material.items():
            if generator.per_instance or not generator.sends_block:
                raise ConfigError(
                    f"condition.material.{name}={generator.name} is of an issue, or of nothing: choose a condition that is made once a commit"
                )
        if not self.material:
            raise ConfigError(
                "condition.material is empty, and a model would make things up: name conditions"
            )
        if self.prompt_budget_chars <= len(self._asked("")):
            raise ConfigError(
                f"condition.prompt_budget_chars={self.prompt_budget_chars} leaves no room behind condition.instructions: raise it"
            )

    @property
    def asks(self) -> Model:
        """The model that writes."""
        return self.writer or self.model

    def inputs(self, instance: Instance) -> Any:
        """Of the material."""
        return {name: generator.inputs(instance) for name, generator in self.material.items()}

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises what `Documents.written` raises; UnusableDocument for an answer that is no context."""
        parameters: dict[str, Any] = {"seed": self.document_seed}
        if self.temperature is not None:
            parameters["temperature"] = self.temperature
        document = self.documents.written(self.asks, repo, self.prompt(repo), parameters)
        return Context(text=self._text(document), documents=[document])

    def prompt(self, repo: RepoAtCommit) -> list[Message]:
        """One message, within `prompt_budget_chars`: some models know no other roles than the user's."""
        text = self._asked(repo.repo)
        for name, generator in self.material.items():
            head = f"\n\n# {name.replace('_', ' ').capitalize()}\n\n"
            room = self.prompt_budget_chars - len(text) - len(head)
            if shown := cut(generator.build(repo, None).text.strip(), max(room, 0)):
                text += head + shown
        return [Message(role="user", content=text)]

    def _asked(self, repo: str) -> str:
        budget = f"{self.budget} {'characters' if self.budget_unit == 'chars' else self.budget_unit}"
        return self.instructions.strip().replace("{repo}", repo).replace("{budget}", budget)

    def _text(self, document: Document) -> str:
        """The answer as a context, or UnusableDocument."""
        where = f"{document.repo}@{document.base_commit[:10]}"
        if document.refusal or document.finish_reason == "content_filter":
            raise self._unusable(document, f"was refused ({document.finish_reason})")
        text = cleaned(document.text)
        if document.finish_reason == "length":
            text = text.rpartition("\n")[0].rstrip()  # the last line ends where it was broken off
            log.warning("%s: %s broke off at its max_tokens", where, document.model)
        if not text:
            raise self._unusable(document, f"is empty ({document.finish_reason})")
        shown = cut_to(text, self.budget, self.budget_unit)
        if not shown:
            raise self._unusable(document, f"begins with a line longer than condition.budget={self.budget}")
        if shown != text:
            sizes = len(shown), len(text), self.budget, self.budget_unit
            log.warning(
                "%s: the document is cut to %d of %d characters (condition.budget=%d %s)", where, *sizes
            )
        try:
            block(shown)
        except ArtifactError:
            raise self._unusable(document, "holds a delimiter line of the context block") from None
        return shown

    def _unusable(self, document: Document, why: str) -> UnusableDocument:
        return UnusableDocument(
            f"the document of {document.repo}@{document.base_commit[:10]} by {document.model} {why}, and is not asked for again: "
            f"another condition.document_seed than {self.document_seed} draws another, for all commits"
        )


def cleaned(answer: str) -> str:
    """The document in an answer: without thoughts before it, a fence around it, and characters that nobody sees."""
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").translate(_LINE_ENDS)
    text = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE).strip()
    opening, closing = _THOUGHTS
    if text.startswith(opening):
        text = text.partition(closing)[2].strip()
    first, _, rest = text.partition("\n")
    inside, _, last = rest.rpartition("\n")
    if first.startswith(_FENCE) and last.strip() == _FENCE and _FENCE not in inside:
        text = inside
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))
