"""Composes each configuration once. Hydra composes that of a command twice, and that of each job of a sweep three times."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

_MODES = {"hydra.mode=RUN": RunMode.RUN, "hydra.mode=MULTIRUN": RunMode.MULTIRUN}
_UNSET = "???"  # a group of a defaults list without a choice: skipped in a sweep, an error in a run


@contextmanager
def composed_once() -> Iterator[None]:
    """Let Hydra's loader return a copy when it is asked for the same overrides again."""
    compose = ConfigLoaderImpl.load_configuration
    composed: dict[tuple[object, ...], DictConfig] = {}

    def load_configuration(
        self: ConfigLoaderImpl,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        def key(words: list[str]) -> tuple[object, ...]:
            return id(self), config_name, tuple(words), Path.cwd()

        found, added = composed.get(key(overrides)), None
        if found is None and overrides and overrides[-1] in _MODES:
            # Hydra adds it after it has composed the others to learn the mode
            found, added = composed.get(key(overrides[:-1])), overrides[-1]
        if found is None or (run_mode is RunMode.RUN and not _has_all_choices(found)):
            found = compose(self, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
            composed[key(overrides)] = copy.deepcopy(found)
            return found
        if validate_sweep_overrides:
            parsed = OverridesParser.create().parse_overrides(overrides)
            self.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
        found = copy.deepcopy(found)
        if added is not None:
            found.hydra.mode = _MODES[added]
            found.hydra.overrides.hydra.append(added)
        return found

    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]


def _has_all_choices(config: DictConfig) -> bool:
    """Whether each group has a choice: then a run and a sweep have the same configuration."""
    choices = OmegaConf.to_container(config.hydra.runtime.choices, resolve=False)
    return isinstance(choices, dict) and _UNSET not in choices.values()
