from contexttune.contexts.ranking.issue import read
from contexttune.contexts.ranking.locations import named_files
from tests.contexts.ranking.test_issue import TEXT

MODULES = {
    "lib/app.py": "lib.app",
    "lib/core.py": "lib.core",
    "other/core.py": "other.core",
    "lib/errors.py": "lib.errors",
    "lib/util/__init__.py": "lib.util",
    "lib/quiet.py": "lib.quiet",
}


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
