import time

from contexttune.contexts.ranking.issue import read

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


def test_a_megabyte_of_anything_is_read_in_a_second():
    started = time.process_time()
    for piece in ("a.", "`", "```\n", "(", "x_", "../", 'File "', "[a-z]+*?\\", "é", "# ", "**version\n"):
        read(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 11


def test_what_a_template_asks_about_the_machine_is_not_about_the_code():
    text = "Title\n\nbroken alpha\n\n**Environment info**\n- quickstart 3.2\n\n**Expected**\nbeta\n"
    assert "quickstart" not in read(text).words
    assert {"broken", "alpha", "beta"} <= read(text).words.keys()
