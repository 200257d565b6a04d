import pytest

from contexttune.report.page import plots


def test_a_difference_axis_contains_the_whole_slice_but_not_every_wide_stratum():
    axis = plots.difference_axis([(-0.02, 0.09)], [(-0.05, 0.11), (-0.1, 0.1), (-6.8, 5.8)], 0.05)
    assert axis["ends"] == (-0.2, 0.2)
    assert axis["ticks"] == [(3.0, -0.2), (26.5, -0.1), (50.0, 0.0), (73.5, 0.1), (97.0, 0.2)]
    assert axis["band"] == (38.25, 61.75)
    assert plots.placed(0.03, (-0.02, 0.09), axis) == {
        **{"x": 57.05, "low": 45.3, "high": 71.15, "beyond": (False, False)},
    }
    assert plots.placed(-0.5, (-6.8, 5.8), axis) == {
        "x": None,
        "low": 3.0,
        "high": 97.0,
        "beyond": (True, True),
    }
    assert plots.placed(1.0, None, axis) == {"x": None, "low": 97.0, "high": 97.0, "beyond": (False, True)}


def test_a_ratio_axis_is_symmetric_around_one():
    axis = plots.ratio_axis([1.6, 0.9])
    assert [value for _, value in axis["ticks"]] == pytest.approx([1 / 2, 0.707107, 1, 1.414214, 2])
    assert [round(at) for at, _ in axis["ticks"]] == [3, 26, 50, 74, 97]
    assert plots.placed(3.0, (0.0, 4.0), axis)["beyond"] == (True, True)
