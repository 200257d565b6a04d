"""Registers the configuration schema and resolvers with Hydra."""

from __future__ import annotations

from omegaconf import OmegaConf

from contexttune.config.schema import Config
from contexttune.experiment.identity import default_group_id, reproduced_group_id
from contexttune.paths import home_expanded


def register() -> None:
    """Register what Hydra needs to compose. Idempotent; called by the entry point, not on import."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store("schema", Config)
    # Hydra copies the whole store for each group that --help lists, and copies what it loads from it anyway.
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]
    for resolver in (default_group_id, reproduced_group_id, home_expanded):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
