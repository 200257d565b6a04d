"""Does this file help? The user's own text, by repository, commit or instance."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contexttune.contexts.budget import Unit, check, cut_to
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.system.files import sha256
from contexttune.system.warn_once import Complaints
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)
_COMPLAINTS = Complaints(log)

_PLACES = ("repo", "owner", "name", "commit", "instance_id")
_PLACE = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, kw_only=True)
class FileContext(ContextGenerator):
    """The content of `path`, in which {repo}, {owner}, {name}, {commit} and {instance_id} are filled in.

    A relative path starts at the working directory. Bytes that are not UTF-8 are replaced.
    """

    version: ClassVar[int] = 1
    name: str = "file_context"
    path: str
    missing: Literal["error", "empty"] = "error"
    budget: int = 3200
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        check(self.budget, self.budget_unit)
        unknown = sorted(set(_PLACE.findall(self.path)) - set(_PLACES))
        if unknown or not self.path.strip():
            known = ", ".join(f"{{{place}}}" for place in _PLACES)
            raise ConfigError(f"condition.path={self.path!r} must name a file; it may hold {known}")

    @property
    def per_instance(self) -> bool:
        return "{instance_id}" in self.path

    def inputs(self, instance: Instance) -> str | None:
        """Digest of the file, so that an edited one is another context."""
        text = self._read(self._file(instance.repo, instance.base_commit, instance))
        return None if text is None else sha256(text)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        """Raises ConfigError when the file cannot be read, or not one line of it is within the budget."""
        file = self._file(repo.repo, repo.base_commit, instance)
        text = self._read(file)
        if text is None:
            log.info("%s@%s: there is no %s, and no block", repo.repo, repo.base_commit[:10], file)
            return Context(text="")
        if not text:
            _COMPLAINTS.make(file, "empty", "%s is empty: there is no block", file)
            return Context(text="")
        shown = cut_to(text, self.budget, self.budget_unit)
        if not shown:
            raise ConfigError(
                f"condition.budget={self.budget} {self.budget_unit}: the first line of {file} is longer; raise it, or break the line"
            )
        if shown != text:
            sizes = len(shown), len(text), self.budget, self.budget_unit
            message = "%s is cut to %d of its %d characters (condition.budget=%d %s)"
            _COMPLAINTS.make(file, "cut", message, file, *sizes)
        return Context(text=shown)

    def _file(self, repo: str, commit: str, instance: Instance | None) -> Path:
        owner, _, name = repo.partition("/")
        values = {"repo": repo, "owner": owner, "name": name, "commit": commit}
        values |= {"instance_id": instance.instance_id if instance else ""}
        return Path(_PLACE.sub(lambda found: values[found[1]], self.path)).expanduser()

    def _read(self, file: Path) -> str | None:
        """None: there is no such file, and that is allowed."""
        try:
            text = file.read_bytes().decode("utf-8-sig", errors="replace")
        except FileNotFoundError:
            if self.missing == "empty":
                return None
            raise ConfigError(
                f"condition.path={self.path}: there is no file {file}; condition.missing=empty would send no block there"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"condition.path={self.path}: {file} cannot be read: {error.strerror}"
            ) from None
        return text.replace("\r\n", "\n").strip("\n").rstrip()
