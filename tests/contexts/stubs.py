"""Generators and places for tests of what is made from another context."""

from dataclasses import dataclass
from pathlib import Path

from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.types import Context, Instance

SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, kw_only=True)
class Said(ContextGenerator):
    """Says the text that it has for a repository."""

    name: str = "said"
    texts: dict[str, str]
    per_instance: bool = False

    def inputs(self, instance: Instance) -> str:
        return f"inputs of {instance.instance_id}"

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        assert (instance is not None) == self.per_instance
        assert instance is None or instance.repo == repo.repo
        return Context(text=self.texts[repo.repo])


def instance(number: int, repo: str = "a/b", sha: str = SHA) -> Instance:
    name = f"{repo.replace('/', '__')}-{number}"
    return Instance(instance_id=name, repo=repo, base_commit=sha, problem_statement=f"issue {number}")


def at(repo: str = "a/b", sha: str = SHA) -> RepoAtCommit:
    """A commit of which nothing is read."""
    return RepoAtCommit(repo=repo, base_commit=sha, signals={}, tree=Tree(Path("/nowhere"), repo, sha))


def checked_out(repo: Path, sha: str) -> RepoAtCommit:
    """A commit of a real repository."""
    tree = Tree(repo / ".git", "a/b", sha)
    return RepoAtCommit(repo="a/b", base_commit=sha, signals={}, tree=tree)
