"""A context that is as good as the right one, and about something else."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.budget import Unit, check_unit, cut_to, measure
from contexttune.contexts.placebo import Wrapped
from contexttune.errors import ArtifactError, ConfigError, PreflightError
from contexttune.interfaces import RepoAtCommit
from contexttune.system.files import sha256
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_TRIED = 4  # of the other instances; their signals are extracted for their own contexts anyway
_OTHER = re.compile(r"(\w[\w.-]*/\w[\w.-]*)@([0-9a-f]{40})")


@dataclass(frozen=True, kw_only=True)
class PlaceboWrongRepo(Wrapped):
    """What the wrapped generator says of another repository, cut to the length of what it says of the right one.

    The other one is an instance of the slice, all shards of it: the first of a few in an order that a digest of the
    commit decides (of the instance_id too, where the wrapped context is one of an instance) whose context is as long,
    or else the longest of them. Or it is the commit that `other` names, owner/name@sha. Never longer than the right
    context, and within a line of its length where one as long was found; else as short as it is, as the log says.
    """

    version: ClassVar[int] = 1
    name: str = "placebo_wrong_repo"
    other: str | None = None
    budget_unit: Unit = "chars"
    pool: Sequence[Instance]
    repository: Callable[[str, str], RepoAtCommit]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unit(self.budget_unit)
        if self.other is not None and not _OTHER.fullmatch(self.other):
            raise ConfigError(
                f"condition.other={self.other} must be owner/name@ and the 40 digits of a commit"
            )
        if self.other is not None and self.per_instance:
            raise ConfigError(
                f"condition.other is a commit without an issue, and condition.of={self.of.name} needs one: use a slice of several repositories"
            )

    def inputs(self, instance: Instance) -> Any:
        """The commits that it may be about, and what else their contexts are made of; as much of the right one."""
        others = self._others(instance.repo, instance.base_commit, instance if self.per_instance else None)
        told = [
            {
                "commit": f"{other.repo}@{other.base_commit}",
                "issue": sha256(other.problem_statement) if self.per_instance else None,
                "of": self.of.inputs(other),
            }
            for other in others
        ]
        return {"others": told, "of": self.of.inputs(instance)}

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ConfigError without another repository, PreflightError when that one cannot be had."""
        right = self.of.build(repo, instance)
        wanted, documents = measure(right.text, self.budget_unit), [*right.documents]
        best, of = -1, ""
        for other in self._others(repo.repo, repo.base_commit, instance):
            wrong = self._about(other)
            documents += wrong.documents
            if (size := measure(wrong.text, self.budget_unit)) > best:
                best, text, of = size, wrong.text, f"{other.repo}@{other.base_commit[:10]}"
            if best >= wanted:
                break
        text = cut_to(text, wanted, self.budget_unit)
        sizes = (measure(text, self.budget_unit), wanted, self.budget_unit)
        log.info("%s@%s: told of %s, %d of %d %s", repo.repo, repo.base_commit[:10], of, *sizes)
        return Context(text=text, documents=documents)

    def _about(self, other: Instance) -> Context:
        try:
            at_commit = self.repository(other.repo, other.base_commit)
        except ArtifactError as error:
            raise PreflightError(str(error)) from None
        return self.of.build(at_commit, other if self.per_instance else None)

    def _others(self, repo: str, commit: str, instance: Instance | None) -> list[Instance]:
        """Those to choose from, never none; what `other` names is a commit and no instance."""
        named = _OTHER.fullmatch(self.other or "")
        if named and named[1] == repo:
            raise ConfigError(
                f"condition.other={self.other} is of a repository of the slice: name a commit of another one"
            )
        if named:
            return [Instance(instance_id="", repo=named[1], base_commit=named[2], problem_statement="")]
        others = [one for one in self.pool if one.repo != repo]
        if not others:
            raise ConfigError(
                f"condition={self.name}: the slice has no repository but {repo}; condition.other=owner/name@sha names one"
            )
        of = instance.instance_id if instance else ""
        ranked = sorted(others, key=lambda one: sha256(f"{commit} {of} {one.instance_id}"))
        return ranked[:_TRIED]
