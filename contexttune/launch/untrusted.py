"""Composes a reproduction with and without its record, to find what the record alone sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contexttune.errors import ConfigError
from contexttune.experiment.past_run import NAME
from contexttune.launch import hydra_setup, trust
from contexttune.paths import config_dir

if TYPE_CHECKING:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line that reproduces a run, by who says what.

    Attributes:
        where: the directory of the record.
        recorded: the overrides that come from the record.
        own: those of the user and of `reproduce=` itself.
        directory: --config-dir of the user; None without one.
        search_path: hydra.searchpath of the user.
        recorded_directory: that of the record, where the user gives none.
        recorded_search_path: the same.
    """

    where: Path
    config_name: str
    recorded: Sequence[Override]
    own: Sequence[Override]
    directory: str | None
    search_path: Sequence[str]
    recorded_directory: str | None
    recorded_search_path: Sequence[str]
    is_sweep: bool

    def require_harmless(self) -> None:
        """Raise ConfigError for the first recorded setting that needs trust. Composes, but runs nothing."""
        self._require_form()
        with _without_imports():
            self._require_harmless()

    def _require_harmless(self) -> None:
        own = _loader(self.directory, self.search_path)
        if not own.repository.config_exists(self.config_name):
            danger = "is not a configuration of this installation or of --config-dir"
            raise trust.refusal("--config-name", self.config_name, danger, str(self.where))
        directory = self.directory or self.recorded_directory
        whole = _loader(directory, self.search_path or self.recorded_search_path)
        typed = {path for one in self.own if not _is_choice(one, whole) for path in _paths_of(one)}
        typed |= set() if self.is_sweep else {("hydra", "sweeper")}  # not used
        lines = [one.input_line or "" for one in (*self.recorded, *self.own)]
        for chosen in self._jobs(whole):
            given = [*(one.input_line or "" for one in self.recorded), *chosen]
            composed = _compose(whole, self.config_name, given)
            without = self._without_record(own, chosen)
            trust.require_harmless(composed, without, typed, {*lines, *given}, str(self.where))

    def _require_form(self) -> None:
        """Refuse what must not even be composed."""
        for one in self.recorded:
            key = one.key_or_group
            if one.is_sweep_override():
                raise trust.refusal(key, one.input_line, "stands for several values", str(self.where))
            if key.startswith("hydra") or str(one.package).startswith("hydra"):
                value = (one.input_line or "").partition("=")[2]
                raise trust.refusal(key, value, "changes how commands are run", str(self.where))
        for path in self.recorded_search_path:
            if "://" in path.removeprefix("file://"):  # pkg:// imports the package
                danger = "loads code from outside contexttune"
                raise trust.refusal("hydra.searchpath", path, danger, str(self.where))

    def _jobs(self, loader: ConfigLoaderImpl) -> Iterator[list[str]]:
        """The user's overrides for each combination of options that the user sweeps over; swept values are left out."""
        kept = [one.input_line or "" for one in self.own if not one.is_sweep_override()]
        swept = [one for one in self.own if one.is_discrete_sweep() and _is_choice(one, loader)]
        for one in swept:
            one.config_loader = loader
        choices = [[f"{one.get_key_element()}={v}" for v in one.sweep_string_iterator()] for one in swept]
        for values in product(*choices):
            yield [*kept, *values]

    def _without_record(self, loader: ConfigLoaderImpl, chosen: Sequence[str]) -> Any:
        """What the user's own configuration sets, with the options that the record chooses among the user's own."""
        from hydra.errors import HydraException
        from omegaconf import OmegaConf

        own = [one for one in parsed(chosen) if _is_choice(one, loader)]
        recorded = [one for one in self.recorded if _is_own_option(one, loader)]
        for ones in ([*recorded, *own], own, []):  # an option may belong to one that only the record has
            try:
                composed = _compose(loader, self.config_name, [one.input_line or "" for one in ones])
            except HydraException:
                continue
            return OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
        raise ConfigError("the configuration cannot be composed: see --cfg job")


def parsed(arguments: Sequence[str]) -> list[Override]:
    """The arguments that are overrides; malformed ones are left for Hydra to report."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, found = OverridesParser.create(), []
    for argument in arguments:
        try:
            found.append(parser.parse_override(argument))
        except HydraException:
            continue
    return found


@contextmanager
def _without_imports() -> Iterator[None]:
    """Names of groups import the classes of parts, which are not checked yet; and Hydra's own resolvers are needed."""
    from hydra.core.utils import setup_globals
    from omegaconf import OmegaConf

    setup_globals()
    hydra_setup.register()
    for name in ("default_group_id", "reproduced_group_id"):
        OmegaConf.register_new_resolver(name, lambda: "unnamed", replace=True)
    try:
        yield
    finally:
        hydra_setup.register()


def _loader(directory: str | None, search_path: Sequence[str]) -> ConfigLoaderImpl:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery

    path = create_config_search_path(str(config_dir()))
    before_schema = SearchPathQuery(provider="schema")
    for where in (*([f"file://{Path(directory).absolute()}"] if directory else []), *search_path):
        path.prepend(provider="command-line", path=where, anchor=before_schema)
    return ConfigLoaderImpl(config_search_path=path)


def _compose(loader: ConfigLoaderImpl, name: str, overrides: Sequence[str]) -> DictConfig:
    from hydra.types import RunMode

    return loader.load_configuration(name, list(overrides), RunMode.RUN, validate_sweep_overrides=False)


def _is_choice(one: Override, loader: ConfigLoaderImpl) -> bool:
    """Whether an override chooses an option of a group."""
    return loader.repository.group_exists(one.key_or_group) and not isinstance(one.value(), dict)


def _is_own_option(one: Override, loader: ConfigLoaderImpl) -> bool:
    """Whether the record chooses an option that is the user's own. That of a server or a task is no free choice."""
    if not _is_choice(one, loader) or one.key_or_group in ("task", "model/server"):
        return False
    value = one.value()
    names = [f"{one.key_or_group}/{name}" for name in (value if isinstance(value, list) else [value])]
    return all(NAME.fullmatch(name) and loader.repository.config_exists(name) for name in names)


def _paths_of(one: Override) -> Iterator[trust.Path]:
    """The paths of the values that an override sets."""

    def below(path: trust.Path, value: Any) -> Iterator[trust.Path]:
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                yield from below((*path, str(name)), inner)
        else:
            yield path

    return below(tuple(one.key_or_group.split(".")), one.value())
