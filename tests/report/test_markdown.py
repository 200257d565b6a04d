import pytest

from contexttune.report.summary import rebuild
from tests.gitrepos import layout
from tests.report.groups import GROUP, write_run


@pytest.fixture
def place(tmp_path):
    return layout(tmp_path)


def test_summary_md_has_the_verdict_with_its_interval_and_escapes_names(place):
    for condition, outcome in {"no_context": "unresolved", "<b>|x": "resolved"}.items():
        write_run(place, condition[:1], condition, 0, dict.fromkeys("abcdefgh", outcome))
    (contrast,) = rebuild(place, GROUP)["contrasts"]
    page = (place.group(GROUP) / "summary.md").read_text()
    assert contrast["verdict"] == "better"
    assert (
        f"**Better: \\<b\\>\\|x resolves more instances than no_context: +{100 * contrast['delta']['estimate']:.1f}"
        in page
    )
    assert "| 95 % interval | +" in page
    assert "| Minimum detectable effect" in page
    assert "8 instances x 1 seed, 8 pairs of results." in page
    assert "| p of equivalence within 5.0 points |" in page
    assert "<b>" not in page
    assert r"\<b\>\|x" in page
