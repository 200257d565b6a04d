"""The manifest of a run: enough to see whether two runs differ by the context alone, and to reproduce one."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from contexttune import __version__
from contexttune.experiment import code_state
from contexttune.experiment.past_run import sources
from contexttune.system.files import fingerprint
from contexttune.system.redaction import masked
from contexttune.system.slurm_job import slurm_facts
from contexttune.types import GoldInstance

_PACKAGES = (
    "hydra-core",
    "omegaconf",
    "swebench",
    "mini-swe-agent",
    "litellm",
    "openai",
    "submitit",
    "datasets",
)


def manifest(
    container: dict[str, Any],
    settings: dict[str, Any],
    instances: Sequence[GoldInstance],
    *,
    asks_elsewhere: bool,
) -> dict[str, Any]:
    """Settings, code, versions and machine of this process. Contains names of environment variables, never their values."""
    submitted = code_state.submission()
    packages = _packages()
    facts = {
        "contexttune": {"version": __version__, **code_state.code_state()},
        "submitted": submitted,
        "changed_since_submission": code_state.changed_since(submitted),
        "python": platform.python_version(),
        "platform": sys.platform,
        "os": platform.platform(),
        "host": socket.gethostname(),
        "slurm": slurm_facts(),
        "packages": packages,
        "harness": {"name": container["harness"]["name"], "swebench": packages["swebench"]},
        "dataset": {key: settings["slice"][key] for key in ("name", "dataset", "revision", "split")},
        "rows_digest": rows_digest(instances),
        "settings": settings,
        "settings_digest": fingerprint(settings, 16),
        "endpoint": _endpoint(container["model"]) if asks_elsewhere else None,
        "config": container,
        **_command(),
    }
    recorded: dict[str, Any] = masked(facts)
    return recorded | {"config_digest": fingerprint(recorded["config"], 16)}


def rows_digest(instances: Sequence[GoldInstance]) -> str:
    """A digest of the rows themselves: a dataset can change under the same name."""
    return fingerprint([[i.instance_id, i.base_commit, i.problem_statement, i.patch] for i in instances], 16)


def job_dir() -> Path | None:
    """The output directory of this Hydra job; None outside of one."""
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().runtime.output_dir) if HydraConfig.initialized() else None


def _endpoint(model: dict[str, Any]) -> str | None:
    """The endpoint's URL, which need not be in the configuration; None for a server of the job."""
    if (model.get("server") or {}).get("command"):
        return None
    return str(model.get("base_url") or os.environ.get("OPENAI_BASE_URL") or "") or None


def _command() -> dict[str, Any]:
    """The command's overrides, unresolved: one may refer to an environment variable with a secret."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    if not HydraConfig.initialized():
        return {"overrides": None, "config_name": None, "config_sources": []}
    hydra: Any = OmegaConf.to_container(HydraConfig.instance().cfg["hydra"], resolve=False)  # type: ignore[index]
    return {
        "overrides": hydra["overrides"]["task"],
        "config_name": hydra["job"]["config_name"],
        "config_sources": sources(hydra["runtime"]["config_sources"]),
    }


@cache
def _packages() -> dict[str, str | None]:
    return {name: installed_version(name) for name in _PACKAGES}


def installed_version(package: str) -> str | None:
    """The version of a package; None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
