"""The upper bound of everything that routes an agent to files: it is told which ones the gold patch changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import Unit, check, cut_to
from contexttune.errors import ArtifactError, ConfigError
from contexttune.instances.patch import parse
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.system.files import sha256
from contexttune.types import Context, GoldInstance, Instance

log = logging.getLogger(__name__)

_FIRST_LINE = "The files to change are:"


@dataclass(frozen=True, kw_only=True)
class OracleFiles(ContextGenerator):
    """Paths that exist at the commit and that the gold patch changes; never a result, and named so everywhere."""

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    needs_gold: ClassVar[bool] = True
    name: str = "oracle_files"
    allow_oracle: bool = False
    budget: int = 3200
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        check(self.budget, self.budget_unit)
        if not self.allow_oracle:
            raise ConfigError(
                "condition=oracle_files tells the gold patch's files: an upper bound and no result; condition.allow_oracle=true runs it"
            )
        if "oracle" not in self.name:
            raise ConfigError(
                f"condition.name={self.name} must hold the word oracle, as the condition is one"
            )

    def inputs(self, instance: Instance) -> str:
        """Digest of the gold patch."""
        return sha256(_gold(instance).patch)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ArtifactError when the gold patch cannot be read."""
        gold = _gold(instance)
        paths = changed_files(repo.tree, gold)
        if not paths:
            log.info("%s: its gold patch only adds files, and there is no block", gold.instance_id)
            return Context(text="")
        lines = [_FIRST_LINE, *(f"- `{path}`" for path in paths)]
        text = cut_to("\n".join(lines), self.budget, self.budget_unit)
        shown = text.count("\n")
        if shown < len(paths):
            log.warning("%s: %d of %d gold files fit (condition.budget)", gold.instance_id, shown, len(paths))
        return Context(text=text if shown else "")


def changed_files(tree: Tree, instance: GoldInstance) -> list[str]:
    """Sorted paths of the commit that the gold patch changes, deletes or renames; a file that it adds has none yet."""
    try:
        changes = parse(instance.patch)
        if not changes:
            raise ArtifactError("it names no file")
    except ArtifactError as error:
        raise ArtifactError(f"{instance.instance_id}: its gold patch cannot be read: {error}") from None
    named = {change.old for change in changes if change.old}
    return sorted(path for path in named if path in tree.by_path and path.isprintable())


def _gold(instance: Instance | None) -> GoldInstance:
    assert isinstance(instance, GoldInstance)
    return instance
