"""A context of the same kind and length, about another repository."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.budget import Unit, check_unit, cut_to, measure
from contexttune.contexts.context_files import built
from contexttune.contexts.placebo import Placebo
from contexttune.errors import ArtifactError, ConfigError, PreflightError
from contexttune.interfaces import RepoAtCommit
from contexttune.system.files import sha256
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_MAX_TRIED = 4  # other instances, whose signals are needed for their own contexts anyway
_OTHER = re.compile(r"(\w[\w.-]*/\w[\w.-]*)@([0-9a-f]{40})")


@dataclass(frozen=True, kw_only=True)
class PlaceboWrongRepo(Placebo):
    """The context that `of` makes of another repository, cut to the length of the right one.

    The other commit is `other` (owner/name@sha), or that of another instance of the slice, in any shard. A few
    instances are tried, in an order that depends on the commit (and the instance_id, for a context per instance). The
    first whose context is long enough is used, else the one with the longest; the length reached is logged.
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
                f"condition.other={self.other} must be owner/name@sha with all 40 digits of the commit"
            )
        if self.other is not None and self.per_instance:
            raise ConfigError(
                f"condition.other has no issue, which condition.of={self.of.name} needs: use a slice of several repositories"
            )

    def inputs(self, instance: Instance) -> Any:
        """The other commits that are tried, and the inputs of their contexts and of the right one."""
        others = self._others(instance.repo, instance.base_commit, instance if self.per_instance else None)
        candidates = [
            {
                "commit": f"{other.repo}@{other.base_commit}",
                "issue": sha256(other.problem_statement) if self.per_instance else None,
                "of": self.of.inputs(other),
            }
            for other in others
        ]
        return {"others": candidates, "of": self.of.inputs(instance)}

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ConfigError without another repository, PreflightError when its commit cannot be read."""
        right = built(self.of, repo, instance)
        wanted, documents = measure(right.text, self.budget_unit), [*right.documents]
        best, source = -1, ""
        for other in self._others(repo.repo, repo.base_commit, instance):
            wrong = self._build_other(other)
            documents += wrong.documents
            if (size := measure(wrong.text, self.budget_unit)) > best:
                best, text, source = size, wrong.text, f"{other.repo}@{other.base_commit[:10]}"
            if best >= wanted:
                break
        text = cut_to(text, wanted, self.budget_unit)
        sizes = (measure(text, self.budget_unit), wanted, self.budget_unit)
        log.info("%s@%s: context of %s, %d of %d %s", repo.repo, repo.base_commit[:10], source, *sizes)
        return Context(text=text, documents=documents)

    def _build_other(self, other: Instance) -> Context:
        try:
            at_commit = self.repository(other.repo, other.base_commit)
        except ArtifactError as error:
            raise PreflightError(str(error)) from None
        return built(self.of, at_commit, other if self.per_instance else None)

    def _others(self, repo: str, commit: str, instance: Instance | None) -> list[Instance]:
        """Instances of other repositories to try, at least one; `other` is a commit without an issue."""
        named = _OTHER.fullmatch(self.other or "")
        if named and named[1] == repo:
            raise ConfigError(
                f"condition.other={self.other} is of the same repository: name a commit of another one"
            )
        if named:
            return [Instance(instance_id="", repo=named[1], base_commit=named[2], problem_statement="")]
        others = [one for one in self.pool if one.repo != repo]
        if not others:
            raise ConfigError(
                f"condition={self.name} needs another repository than {repo}, the only one of the slice: set condition.other=owner/name@sha"
            )
        instance_id = instance.instance_id if instance else ""
        ranked = sorted(others, key=lambda one: sha256(f"{commit} {instance_id} {one.instance_id}"))
        return ranked[:_MAX_TRIED]
