import pytest

from contexttune.errors import ArtifactError
from contexttune.injection import BEGIN, END, block, inject


def test_the_block_stands_before_the_statement_with_these_very_bytes():
    text = inject(block("## Layout\n- `a/` {{ x }} ${y}\n"), "It breaks.\r\n")
    assert text == (
        "======BEGIN_REPO_CONTEXT=====\n## Layout\n- `a/` {{ x }} ${y}\n======END_REPO_CONTEXT=====\n\nIt breaks.\r\n"
    )


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_without_a_context_the_task_is_the_statement_alone(nothing):
    assert inject(block(nothing), "It breaks.\n") == "It breaks.\n"


@pytest.mark.parametrize("line", [BEGIN, END, f"  {END}  ", f"a\r\n{BEGIN}\r\nb"])
def test_a_context_with_a_delimiter_line_is_refused(line):
    with pytest.raises(ArtifactError, match="delimiter"):
        block(f"before\n{line}\nafter")
