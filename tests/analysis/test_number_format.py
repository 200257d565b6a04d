import pytest

from contexttune.analysis import number_format


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("points", 0.153, "+15.3"),
        ("points", -0.05, "-5.0"),
        ("points", -0.0001, "0.0"),
        ("points", None, "-"),
        ("effect", 0.281, "28.1"),
        ("effect", 1.02, "above 100"),
        ("point_tick", 0.05, "+5"),
        ("point_tick", -0.125, "-12.5"),
        ("point_tick", 0.0, "0"),
        ("short", 2_143_912, "2.14M"),
        ("short", 12_000, "12k"),
        ("short", 0.2, "0.2"),
        ("usd", 0.3, "0.30"),
        ("usd", 0.0123, "0.012"),
        ("usd", -1_234.5, "-1,234.50"),
        ("usd", None, "-"),
        ("ratio", 1.2, "1.20"),
        ("ratio", 1_234.5, "1,234"),
        ("p_value", 0.0004, "< 0.001"),
        ("p_value", 0.122, "0.122"),
    ],
)
def test_numbers_have_their_sign_and_unit(form, value, text):
    assert getattr(number_format, form)(value) == text


def test_an_interval_is_shown_by_its_bounds():
    assert number_format.interval((0.188, 0.812), number_format.percent) == "18.8 % to 81.2 %"
    assert number_format.interval((-0.02, 0.08), number_format.points) == "-2.0 to +8.0"
    assert number_format.interval(None, number_format.ratio) == "-"
