import time

from contexttune.contexts.ranking.issue import read
from contexttune.contexts.ranking.locations import named_files

TEXT = """Crash in HTMLBuilder when `html_theme` is unset

Calling write_doc(node) fails:
```python
from lib.core import Thing
```
Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/lib/app.py", line 3, in main
  File "C:\\lib\\core.py", line 9, in run
See lib/util/__init__.py and lib.errors.Broken.
"""
MODULES = {
    "lib/app.py": "lib.app",
    "lib/core.py": "lib.core",
    "other/core.py": "other.core",
    "lib/errors.py": "lib.errors",
    "lib/util/__init__.py": "lib.util",
    "lib/quiet.py": "lib.quiet",
}


def test_an_issue_names_code_by_its_spelling_and_by_its_quotes():
    names = read(TEXT).names
    assert {"HTMLBuilder", "html_theme", "write_doc", "Broken"} <= names.keys()
    assert {"Crash", "when", "fails"}.isdisjoint(names)
    assert names["Thing"] < names["write_doc"]


def test_a_word_of_the_title_weighs_more_than_one_of_the_text():
    words = read("alpha\n\nbeta\n").words
    assert words["alpha"] > words["beta"]


def test_a_word_weighs_less_the_more_often_it_was_said_already():
    words = read("title\n" + "log " * 1000 + "once").words
    assert words["log"] < 5 * words["once"]


def test_files_are_found_by_path_by_module_and_in_stack_traces_the_innermost_first():
    found = named_files(read(TEXT), MODULES)
    assert set(found) == {"lib/app.py", "lib/core.py", "lib/errors.py", "lib/util/__init__.py"}


def test_the_innermost_frame_weighs_most():
    text = 'x\nFile "/x/lib/app.py", line 1, in a\nFile "/x/lib/core.py", line 2, in b\n'
    issue = read(text)._replace(paths=[])
    found = named_files(issue, MODULES)
    assert found["lib/core.py"] > found["lib/app.py"]


def test_a_bare_file_name_shares_its_weight_among_its_bearers():
    found = named_files(read("see core.py"), MODULES)
    assert found == {"lib/core.py": 0.5, "other/core.py": 0.5}


def test_a_megabyte_of_anything_is_read_in_a_second():
    started = time.monotonic()
    for piece in ("a.", "`", "```\n", "(", "x_", "../", 'File "', "[a-z]+*?\\", "é", "# ", "**version\n"):
        read(piece * (1_000_000 // len(piece)))
    assert time.monotonic() - started < 11


def test_what_a_template_asks_about_the_machine_is_not_about_the_code():
    text = "Title\n\nbroken alpha\n\n**Environment info**\n- quickstart 3.2\n\n**Expected**\nbeta\n"
    assert "quickstart" not in read(text).words
    assert {"broken", "alpha", "beta"} <= read(text).words.keys()
