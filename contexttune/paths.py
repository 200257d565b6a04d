"""Paths of all artifacts, results and caches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_BUNDLED = "package://contexttune/"


def config_dir() -> Path:
    """The directory conf/: inside the package in a wheel, beside it in a checkout."""
    packaged = PACKAGE / "conf"
    return packaged if packaged.is_dir() else PACKAGE.parent / "conf"


def is_bundled(location: str) -> bool:
    """Whether a configured location is a file that ships with the package."""
    return location.startswith(_BUNDLED) and ".." not in location.split("/")


def resolve(location: str) -> str:
    """A configured location, with `package://contexttune/...` replaced by a path of this installation.

    Configurations keep the portable form, so that run_id does not depend on where the package is installed.
    """
    return str(PACKAGE / location.removeprefix(_BUNDLED)) if is_bundled(location) else location


def home_expanded(root: str) -> str:
    """`paths.root` for Hydra's own directories: Hydra does not expand ~, and takes "" for /."""
    return str(Path(root or ".").expanduser())


def slug(text: object) -> str:
    """Letters, digits, dots, dashes and underscores: safe as a path component and on a command line."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(text)).strip("-._") or "none"


def repo_slug(repo: str) -> str:
    """`owner/name` as one path component, as SWE-bench writes it."""
    return repo.replace("/", "__")


def results_of_predictions(directory: Path) -> Path:
    """The run's directory under results, given that of its predictions, if both have their default roots."""
    root, group_id, run_id = directory.parents[3], directory.parent.name, directory.name
    return root / "results" / group_id / "runs" / run_id


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths under the configured roots."""

    cache: Path
    artifacts: Path
    results: Path

    def mirror(self, repo: str) -> Path:
        return self.cache / "mirrors" / f"{repo_slug(repo)}.git"

    @property
    def blob_cache(self) -> Path:
        return self.cache / "blobs" / "facts.sqlite"

    @property
    def rates(self) -> Path:
        return self.cache / "rates"

    @property
    def images(self) -> Path:
        return self.cache / "images"

    def prompts(self, release: str) -> Path:
        return self.cache / "prompts" / release

    def signals(self, repo: str, commit: str) -> Path:
        return self.artifacts / "signals" / repo_slug(repo) / commit / "signals.json"

    def contexts(self, repo: str, commit: str) -> Path:
        return self.artifacts / "contexts" / repo_slug(repo) / commit

    def document(self, repo: str, commit: str, model_id: str, document_id: str) -> Path:
        return self.contexts(repo, commit) / "documents" / model_id / document_id

    def predictions(self, group_id: str, run_id: str) -> Path:
        return self.artifacts / "preds" / group_id / run_id / "preds.jsonl"

    def instance(self, group_id: str, run_id: str, instance_id: str) -> Path:
        return self.predictions(group_id, run_id).parent / instance_id

    @property
    def health(self) -> Path:
        return self.results / "health"

    def group(self, group_id: str) -> Path:
        return self.results / group_id

    @property
    def comparisons(self) -> Path:
        return self.results / "comparisons"

    @property
    def audits(self) -> Path:
        return self.results / "audits"

    @property
    def no_groups(self) -> tuple[Path, ...]:
        """Directories beside those of groups."""
        return self.health, self.comparisons, self.audits

    def audit(self, name: str) -> Path:
        return self.audits / name

    @property
    def held_out_looks(self) -> Path:
        return self.audits / "held_out.jsonl"

    def run(self, group_id: str, run_id: str) -> Path:
        return self.group(group_id) / "runs" / run_id

    def planned(self, group_id: str, run_id: str) -> Path:
        return self.run(group_id, run_id) / "cell.json"

    def leaks(self, group_id: str, run_id: str) -> Path:
        return self.run(group_id, run_id) / "leaks.json"

    def problems(self, group_id: str, run_id: str) -> Path:
        return self.run(group_id, run_id) / "problems.jsonl"

    def reevaluations(self, group_id: str, run_id: str) -> Path:
        return self.run(group_id, run_id) / "reevaluations.json"

    def run_lock(self, group_id: str, run_id: str) -> Path:
        return self.run(group_id, run_id).with_suffix(".lock")
