"""Upper bound for contexts that lead an agent to files: the files that the gold patch changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import Budgeted, cut_to
from contexttune.errors import ArtifactError, ConfigError
from contexttune.instances.patch import parse
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.system.files import sha256
from contexttune.types import Context, GoldInstance, Instance

log = logging.getLogger(__name__)

_FIRST_LINE = "The files to change are:"


@dataclass(frozen=True, kw_only=True)
class OracleFiles(Budgeted):
    """Paths at the commit that the gold patch changes: an upper bound, never a result, so its name contains `oracle`."""

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    needs_gold: ClassVar[bool] = True
    name: str = "oracle_files"
    allow_oracle: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.allow_oracle:
            raise ConfigError(
                "condition=oracle_files reveals files of the gold patch, which makes it an upper bound and not a result: set condition.allow_oracle=true to run it"
            )
        if "oracle" not in self.name:
            raise ConfigError(f"condition.name={self.name} must contain the word oracle")

    def inputs(self, instance: Instance) -> str:
        """Digest of the gold patch."""
        return sha256(_gold(instance).patch)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ArtifactError when the gold patch cannot be read."""
        gold = _gold(instance)
        paths = changed_files(repo.tree, gold)
        if not paths:
            log.info("%s: the gold patch only adds files, so no block is sent", gold.instance_id)
            return Context(text="")
        lines = [_FIRST_LINE, *(f"- `{path}`" for path in paths)]
        text = cut_to("\n".join(lines), self.budget, self.budget_unit)
        shown = text.count("\n")
        if shown < len(paths):
            log.warning("%s: %d of %d gold files fit (condition.budget)", gold.instance_id, shown, len(paths))
        return Context(text=text if shown else "")


def changed_files(tree: Tree, instance: GoldInstance) -> list[str]:
    """Sorted paths of the commit that the gold patch changes, deletes or renames; files that it adds do not exist yet."""
    try:
        changes = parse(instance.patch)
        if not changes:
            raise ArtifactError("it changes no file")
    except ArtifactError as error:
        raise ArtifactError(f"{instance.instance_id}: the gold patch cannot be read: {error}") from None
    named = {change.old for change in changes if change.old}
    return sorted(path for path in named if path in tree.by_path and path.isprintable())


def _gold(instance: Instance | None) -> GoldInstance:
    assert isinstance(instance, GoldInstance)
    return instance
