"""An overview that a model writes from facts about a commit, without seeing an issue."""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.budget import Budgeted, cut, require_at_least
from contexttune.contexts.context_files import built
from contexttune.contexts.documents import Documents
from contexttune.errors import ArtifactError, ConfigError, UnusableDocument
from contexttune.injection import block
from contexttune.interfaces import ContextGenerator, Model, RepoAtCommit
from contexttune.types import Context, Document, Instance, Message

log = logging.getLogger(__name__)

_REASONING = "<think>", "</think>"
_FENCE = "```"
_INVISIBLE = ("Cc", "Cf")  # Unicode categories: control and format characters
_LINE_ENDS = str.maketrans(dict.fromkeys("\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))


@dataclass(frozen=True, kw_only=True)
class LlmContext(Budgeted):
    """The answer of `writer`, or else of the experiment's model, to `instructions` and `material` at the commit.

    The model is asked once per commit and `document_seed`, which is sent instead of the run's seed, so that runs of all
    seeds share a document. `material` maps headings of the prompt to contexts that need no issue; the last ones are cut
    when the prompt would exceed `prompt_budget_chars`. {repo} and {budget} in `instructions` are replaced. With
    `temperature` null, the model's own applies.
    """

    version: ClassVar[int] = 1
    name: str = "llm_context"
    instructions: str
    material: dict[str, ContextGenerator]
    document_seed: int = 0
    temperature: float | None = None
    prompt_budget_chars: int = 24_000
    writer: Model | None = None
    model: Model
    documents: Documents

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, self, "document_seed")
        for name, generator in self.material.items():
            if generator.per_instance or not generator.sends_block:
                raise ConfigError(
                    f"condition.material.{name}={generator.name} must be a condition that sends a block and needs no issue: choose another"
                )
        if not self.material:
            raise ConfigError(
                "condition.material is empty, so the model would make things up: name conditions"
            )
        if self.prompt_budget_chars <= len(self._instructions("")):
            raise ConfigError(
                f"condition.prompt_budget_chars={self.prompt_budget_chars} leaves no room for material after condition.instructions: raise it"
            )

    @property
    def asks(self) -> Model:
        """The model that writes the overview."""
        return self.writer or self.model

    def inputs(self, instance: Instance) -> Any:
        """Inputs of the material."""
        return {name: generator.inputs(instance) for name, generator in self.material.items()}

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises what `Documents.written` raises, and UnusableDocument for an answer that cannot be sent."""
        parameters: dict[str, Any] = {"seed": self.document_seed}
        if self.temperature is not None:
            parameters["temperature"] = self.temperature
        document = self.documents.written(self.asks, repo, self.prompt(repo), parameters)
        return Context(text=self._text(document), documents=[document])

    def prompt(self, repo: RepoAtCommit) -> list[Message]:
        """One user message within `prompt_budget_chars`; some models support no other role."""
        text = self._instructions(repo.repo)
        for name, generator in self.material.items():
            head = f"\n\n# {name.replace('_', ' ').capitalize()}\n\n"
            room = self.prompt_budget_chars - len(text) - len(head)
            if shown := cut(built(generator, repo, None).text.strip(), max(room, 0)):
                text += head + shown
        return [Message(role="user", content=text)]

    def _instructions(self, repo: str) -> str:
        budget = f"{self.budget} {'characters' if self.budget_unit == 'chars' else self.budget_unit}"
        return self.instructions.strip().replace("{repo}", repo).replace("{budget}", budget)

    def _text(self, document: Document) -> str:
        """The answer as a context. Raises UnusableDocument."""
        where = f"{document.repo}@{document.base_commit[:10]}"
        if document.refusal or document.finish_reason == "content_filter":
            raise self._unusable(document, f"was refused ({document.finish_reason})")
        text = cleaned(document.text)
        if document.finish_reason == "length":
            text = text.rpartition("\n")[0].rstrip()  # the last line is incomplete
            log.warning("%s: the answer of %s was cut off at max_tokens", where, document.model)
        if not text:
            raise self._unusable(document, f"is empty ({document.finish_reason})")
        shown = self.within_budget(text, f"{where}: the document")
        if not shown:
            raise self._unusable(document, f"begins with a line longer than condition.budget={self.budget}")
        try:
            block(shown)
        except ArtifactError:
            raise self._unusable(document, "contains a delimiter line of the context block") from None
        return shown

    def _unusable(self, document: Document, why: str) -> UnusableDocument:
        return UnusableDocument(
            f"the document of {document.repo}@{document.base_commit[:10]} by {document.model} {why}, and is kept: "
            f"change condition.document_seed={self.document_seed} for new documents of all commits"
        )


def cleaned(answer: str) -> str:
    """An answer without its reasoning, a fence around it, and invisible characters."""
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").translate(_LINE_ENDS)
    text = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE).strip()
    opening, closing = _REASONING
    if text.startswith(opening):
        text = text.partition(closing)[2].strip()
    first, _, rest = text.partition("\n")
    inside, _, last = rest.rpartition("\n")
    if first.startswith(_FENCE) and last.strip() == _FENCE and _FENCE not in inside:
        text = inside
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))
