import pytest

from contexttune.contexts.cards.source_files import is_source


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("sphinx/testing/util.py", True),
        ("testing/test_a.py", False),
        ("src/pkg/a.py", True),
        ("pkg/tests/helper.py", False),
        ("pkg/test_a.py", False),
        ("setup.py", False),
        ("pkg/data.json", False),
    ],
)
def test_what_counts_as_source(path, expected):
    assert is_source(path) is expected
