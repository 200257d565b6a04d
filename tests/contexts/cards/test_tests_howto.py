import pytest

from contexttune.contexts.cards.tests_howto import TestsHowto


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("!cov-!double: pytest --pyargs lib {env:FLAGS}", "pytest --pyargs lib"),
        ("py39,py310: pytest {env:FLAGS:-x}", "pytest -x"),
        ("python -m pytest tests::one", "python -m pytest tests::one"),
    ],
)
def test_a_command_is_told_as_one_types_it(line, command):
    manifest = {"commands": [line, line, f"pytest {'x' * 200}"], "framework": "unknown", "directories": []}
    assert TestsHowto().render({"test_manifest": manifest}) == f"- run: `{command}`"


def test_tests_howto_gives_the_repositorys_own_command(signals):
    assert "- run: `pytest tests`" in TestsHowto().render(signals)
