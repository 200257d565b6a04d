"""Registers what Hydra needs before it composes: the schema and our resolvers."""

from __future__ import annotations

from omegaconf import OmegaConf

from contexttune.config.schema import Config
from contexttune.experiment.identity import default_group_id, reproduced_group_id
from contexttune.paths import home_expanded


def register() -> None:
    """Tell Hydra about the schema. Idempotent; called by the entry point, not on import."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store("schema", Config)
    OmegaConf.register_new_resolver("default_group_id", default_group_id, replace=True)
    OmegaConf.register_new_resolver("reproduced_group_id", reproduced_group_id, replace=True)
    OmegaConf.register_new_resolver("home_expanded", home_expanded, replace=True)
