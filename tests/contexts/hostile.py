"""All conditions over one repository, in this process or, `python -m tests.contexts.hostile`, in one of its own."""

import json
import re
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from contexttune.contexts.placebo_wrong_repo import PlaceboWrongRepo
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from contexttune.types import Context, Instance

OF_COMMITS = ["baseline_context", "repo_map", "agents_md"]
PLACEBOS = ["placebo_shuffled", "placebo_neutral"]
CONDITIONS = [*OF_COMMITS, *PLACEBOS, "issue_map", "placebo_wrong_repo"]


@dataclass(frozen=True, kw_only=True)
class Given(ContextGenerator):
    """The context that a placebo is made of, built before."""

    name: str = "given"
    context: Context

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        return self.context


@cache
def configured():
    """(signals, generators by condition) as conf/ ships them."""
    from hydra import compose, initialize_config_dir

    from contexttune.experiment.cell import cell_of
    from contexttune.launch import hydra_setup
    from contexttune.paths import config_dir

    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        cells = {
            name: cell_of(compose("config", [f"condition={name}"]))
            for name in [*OF_COMMITS, *PLACEBOS, "issue_map"]
        }
    signals = {signal.name: signal for cell in cells.values() for signal in cell.signals}
    return list(signals.values()), {name: cell.generator for name, cell in cells.items()}


def at(git_dir, sha):
    """A commit with all signals, extracted with a cache that knows nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Tree(git_dir, "owner/odd", sha, Path(scratch) / "cache" / "blobs.sqlite")
        facts = write_signals(tree, configured()[0], Path(scratch) / "signals.json")
    tree = Tree(git_dir, "owner/odd", sha)
    return RepoAtCommit(repo="owner/odd", base_commit=sha, signals=facts, tree=tree)


def contexts(repo, issue, *, of_issues_only=False):
    """Condition -> (text, the most characters that it may have)."""
    generators = configured()[1]
    instance = Instance(
        instance_id="odd-1", repo=repo.repo, base_commit=repo.base_commit, problem_statement=issue
    )
    made = {"issue_map": (generators["issue_map"].build(repo, instance).text, 8_000)}
    if of_issues_only:
        return made
    for name in OF_COMMITS:
        text = generators[name].build(repo, None).text
        made[name] = (text, 8_000 if name == "repo_map" else 3_200)
    baseline = Given(context=Context(text=made["baseline_context"][0]))
    wrong = PlaceboWrongRepo(
        of=baseline,
        pool=[
            Instance(instance_id="b-1", repo="owner/b", base_commit=repo.base_commit, problem_statement="")
        ],
        repository=lambda *_: repo,
    )
    placebos = {name: replace(generators[name], of=baseline) for name in PLACEBOS}
    for name, placebo in {**placebos, wrong.name: wrong}.items():
        made[name] = (placebo.build(repo, None).text, len(baseline.context.text))
    return made


def peak_mb():
    """Of this process, since it began: what `getrusage` says goes back to the program that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024


if __name__ == "__main__":
    made_at = at(Path(sys.argv[1]), sys.argv[2])
    made = contexts(made_at, "Wrong `m_77`\n\nin class C77")
    sys.stdout.write(json.dumps([made, peak_mb()]))
