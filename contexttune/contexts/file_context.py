"""The user's own text as context, by repository, commit or instance."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contexttune.contexts.budget import Budgeted
from contexttune.errors import ConfigError
from contexttune.interfaces import RepoAtCommit
from contexttune.system.files import sha256
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_FIELDS = ("repo", "owner", "name", "commit", "instance_id")
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, kw_only=True)
class FileContext(Budgeted):
    """The content of `path`, in which {repo}, {owner}, {name}, {commit} and {instance_id} are filled in.

    A relative path starts at the working directory. Bytes that are not UTF-8 are replaced.
    """

    version: ClassVar[int] = 1
    name: str = "file_context"
    path: str
    missing: Literal["error", "empty"] = "error"

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(_FIELD.findall(self.path)) - set(_FIELDS))
        if unknown or not self.path.strip():
            known = ", ".join(f"{{{field}}}" for field in _FIELDS)
            raise ConfigError(f"condition.path={self.path!r} must name a file; it may contain {known}")

    @property
    def per_instance(self) -> bool:
        return "{instance_id}" in self.path

    def inputs(self, instance: Instance) -> str | None:
        """Digest of the file, so that editing it makes a new context."""
        text = self._read(self._file(instance.repo, instance.base_commit, instance))
        return None if text is None else sha256(text)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ConfigError when the file cannot be read, or its first line is over the budget."""
        file = self._file(repo.repo, repo.base_commit, instance)
        text = self._read(file)
        if text is None:
            log.info("%s@%s: %s does not exist, so no block is sent", repo.repo, repo.base_commit[:10], file)
            return Context(text="")
        if not text:
            self.warnings.warn(file, "empty", "%s is empty, so no block is sent", file)
            return Context(text="")
        shown = self.within_budget(text, str(file))
        if not shown:
            raise ConfigError(
                f"condition.budget={self.budget} {self.budget_unit} is less than the first line of {file}: raise it, or break the line"
            )
        return Context(text=shown)

    def _file(self, repo: str, commit: str, instance: Instance | None) -> Path:
        owner, _, name = repo.partition("/")
        values = {"repo": repo, "owner": owner, "name": name, "commit": commit}
        values |= {"instance_id": instance.instance_id if instance else ""}
        return Path(_FIELD.sub(lambda found: values[found[1]], self.path)).expanduser()

    def _read(self, file: Path) -> str | None:
        """The file's text; None if it does not exist and `missing` allows that."""
        try:
            text = file.read_bytes().decode("utf-8-sig", errors="replace")
        except FileNotFoundError:
            if self.missing == "empty":
                return None
            raise ConfigError(
                f"condition.path={self.path}: {file} does not exist; condition.missing=empty sends no block without it"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"condition.path={self.path}: {file} cannot be read: {error.strerror}"
            ) from None
        return text.replace("\r\n", "\n").strip("\n").rstrip()
