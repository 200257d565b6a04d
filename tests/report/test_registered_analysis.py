import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.errors import ConfigError
from contexttune.report import group
from contexttune.report.registered_analysis import require_known
from contexttune.report.summary import rebuild
from contexttune.system.files import write_json
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_an_unknown_control_or_seed_is_refused(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    states = [vars(state) for state in group.read(place, GROUP).states]
    require_known(AnalysisConfig(seeds=[0]), states)
    with pytest.raises(ConfigError, match=r"analysis\.control=no_contxt is not a condition .* no_context"):
        require_known(AnalysisConfig(control="no_contxt"), states)
    with pytest.raises(ConfigError, match="no run has seed 3"):
        require_known(AnalysisConfig(seeds=[0, 3]), states)
    with pytest.raises(ConfigError, match=r"analysis\.seeds=\[\]"):
        AnalysisConfig(seeds=[])


@pytest.mark.parametrize("margin", [0, 1e-100, 1, float("nan")])
def test_an_invalid_margin_is_refused(margin):
    with pytest.raises(ConfigError, match=r"analysis\.margin must be at least 0\.001 and below 1"):
        AnalysisConfig(margin=margin)


def test_registered_values_apply_unless_overridden(place):
    write_run(place, "n0", "no_context", 0, {"a": "resolved"})
    write_json(place.group(GROUP) / "group.json", {"analysis": {"control": "no_context", "margin": 0.02}})
    assert rebuild(place, GROUP)["analysis"]["margin"] == 0.02
    changed = rebuild(place, GROUP, AnalysisConfig(margin=0.1))
    assert changed["analysis"]["changed"] == ["margin"]
    (warning,) = changed["warnings"]
    assert "analysis.margin is 0.1" in warning
    assert "registered as 0.02" in warning
    meant = rebuild(place, GROUP, AnalysisConfig(), ["analysis.margin=0.05"])  # a default that was typed
    assert (meant["analysis"]["margin"], meant["analysis"]["changed"]) == (0.05, ["margin"])
