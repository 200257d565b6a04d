import sys
import types
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from contexttune.config.build import NO_EFFECT, build, name_of, result_settings, settings_of, wants
from contexttune.errors import ConfigError
from contexttune.interfaces import Runner


@dataclass(frozen=True, kw_only=True)
class Inner:
    version: ClassVar[int] = 3
    n: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    version: ClassVar[int] = 1
    seed: int
    name: str
    limit: int | None = None
    inner: dict[str, Inner] = field(default_factory=dict)
    timeout_s: float = field(default=1.0, metadata=NO_EFFECT)


class Plain:
    pass


HERE = "tests.config.test_build"


def node(**keys):
    return {"_target_": f"{HERE}.Outer", "name": "x", **keys}


def test_nested_parts_are_built_and_services_are_supplied():
    outer = build(
        node(inner={"a": {"_target_": f"{HERE}.Inner", "n": 2}}), "runner", {"seed": 7, "model": "not wanted"}
    )
    assert outer == Outer(seed=7, name="x", inner={"a": Inner(n=2)})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (node(limt=1), r"runner\.limt is not a key of Outer; its keys are inner, limit, name, timeout_s"),
        (node(seed=1), r"runner\.seed is not a key"),
        (node(limit="many"), r"runner\.limit='many'"),
        (node(inner={"a": {"_target_": f"{HERE}.Inner", "n": "x"}}), r"runner\.inner\.a\.n='x'"),
        (node(inner={"a": {"_target_": f"{HERE}.Outer", "name": "y"}}), r"runner\.inner"),
        ({"_target_": f"{HERE}.Outer"}, r"runner\.name is not set"),
        ({"_target_": f"{HERE}.Absent"}, "cannot be imported"),
        ({"_target_": f"{HERE}.Plain"}, "must be a dataclass"),
        ({}, "runner is not set"),
    ],
)
def test_a_wrong_key_or_value_is_one_sentence_with_its_place(bad, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build(bad, "runner", {"seed": 0})
    assert "\n" not in str(caught.value)


def test_settings_leave_out_what_cannot_change_a_result():
    named = {"class": "Outer", "version": 1, "name": "x", "limit": 2}
    assert result_settings(node(limit=2, timeout_s=9.0), "runner") == named


def test_every_part_in_a_node_stands_for_its_name_and_version():
    inner = {"a": {"_target_": f"{HERE}.Inner", "n": 2}}
    assert result_settings(node(inner=inner), "runner")["inner"] == {
        "a": {"class": "Inner", "version": 3, "n": 2}
    }
    assert settings_of(build(node(inner=inner), "runner", {"seed": 7}))["inner"] == {
        "a": {"class": "Inner", "version": 3, "n": 2}
    }


def module_with_part(monkeypatch, name, version):
    """A module that defines the part `Same` of that version."""
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    stated = "" if version is None else f"    version: ClassVar[int] = {version}\n"
    source = f"@dataclass(frozen=True, kw_only=True)\nclass Same:\n{stated}    n: int = 1\n"
    exec("from dataclasses import dataclass\nfrom typing import ClassVar\n" + source, module.__dict__)
    return {"_target_": f"{name}.Same", "n": 2}


def test_settings_do_not_depend_on_where_a_class_lives_but_on_its_version(monkeypatch):
    here, there, raised = (
        module_with_part(monkeypatch, name, version)
        for name, version in (("first_home", 1), ("second_home", 1), ("raised", 2))
    )
    assert result_settings(here, "runner") == result_settings(there, "runner")
    assert result_settings(here, "runner") != result_settings(raised, "runner")
    assert settings_of(build(here, "runner")) == settings_of(build(there, "runner"))
    assert settings_of(build(here, "runner")) != settings_of(build(raised, "runner"))


def test_a_part_without_a_version_is_refused(monkeypatch):
    unversioned = module_with_part(monkeypatch, "unversioned", None)
    for bad in (unversioned, node(inner={"a": unversioned})):
        with pytest.raises(ConfigError, match="Same has no version"):
            result_settings(bad, "runner")


@dataclass(frozen=True, kw_only=True)
class Versioned:
    version: int = 1


def test_a_version_that_is_a_key_is_refused():
    with pytest.raises(ConfigError, match="Versioned declares its version as a key"):
        result_settings({"_target_": f"{HERE}.Versioned"}, "runner")


def test_a_part_of_another_kind_is_refused_by_its_key():
    with pytest.raises(ConfigError, match=r"condition\._target_=.*Outer must inherit Runner"):
        build(node(), "condition", kind=Runner)


def test_a_part_says_which_services_it_wants():
    assert wants(node(), "seed", "runner")
    assert not wants(node(), "model", "runner")


def test_settings_of_a_built_part_leave_out_what_cannot_change_a_result_and_what_was_supplied():
    one, other = (build(node(timeout_s=t), "runner", {"seed": s}) for t, s in ((2.0, 7), (3.0, 8)))
    assert settings_of(one) == settings_of(other)
    assert settings_of(one) == {"class": "Outer", "version": 1, "name": "x", "limit": None, "inner": {}}
    assert settings_of(build(node(limit=1), "runner", {"seed": 7})) != settings_of(one)


@dataclass(frozen=True, kw_only=True)
class Unfinished(Runner):
    version: ClassVar[int] = 1
    name: str = "unfinished"


def test_a_class_that_lacks_a_method_is_named_with_the_method():
    with pytest.raises(ConfigError, match=r"runner\._target_=.*Unfinished does not define run"):
        build({"_target_": f"{__name__}.Unfinished"}, "runner")


def test_a_part_without_a_name_is_refused_by_its_key():
    with pytest.raises(ConfigError, match=r"runner\.name is not set"):
        name_of({"_target_": "x.Y"}, "runner")
