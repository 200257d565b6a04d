"""Each card over the real signals of a real little repository."""

import pytest

from contexttune.contexts.cards.editing_norms import EditingNorms
from contexttune.contexts.cards.key_modules import KeyModules
from contexttune.contexts.cards.layout import Layout
from contexttune.contexts.cards.pitfalls import Pitfalls
from contexttune.contexts.cards.repo_identity import RepoIdentity
from contexttune.contexts.cards.source_files import is_source
from contexttune.contexts.cards.tests_howto import TestsHowto
from contexttune.contexts.cards.where_to_look import WhereToLook
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree
from tests.gitrepos import commit

FILES = {
    "lib/__init__.py": '"""A library of things."""\nfrom lib.core import run\n',
    "lib/core.py": "from lib.errors import Broken\n\n\ndef run(x: int = 1) -> None:\n    raise Broken\n\n\ndef _private(): ...\n",
    "lib/errors.py": "class Broken(Exception):\n    pass\n",
    "lib/sub/__init__.py": "",
    "lib/sub/core.py": "from ..errors import Broken\n",
    "lib/old.py": "print 'python 2'\n",
    "tests/test_core.py": "from lib import run\n",
    "docs/conf.py": "",
    "CONTRIBUTING.md": "",
    "CHANGES.rst": "",
    "tox.ini": "[testenv]\ncommands = pytest {posargs:tests}\n",
}


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    root = tmp_path_factory.mktemp("repo")
    repo = root / "lib"
    commit(repo, FILES)
    for n in range(3):
        commit(repo, {"lib/sub/core.py": f"from ..errors import Broken\nx = {n}\n"}, day=n + 2)
    sha = commit(repo, {"lib/errors.py": "class Broken(Exception):\n    pass\n\n"}, day=9)
    tree = Tree(repo / ".git", "owner/lib", sha)
    return write_signals(tree, [FileTree(), PyIndex(), TestManifest(), HotPaths()], root / "signals.json")


def test_repo_identity_names_the_package_by_its_docstring(signals):
    assert RepoIdentity().render(signals).splitlines()[0] == "- `lib`: A library of things."


def test_layout_lists_source_files_by_directory_and_leaves_tests_and_documents_out(signals):
    assert Layout().render(signals).splitlines() == [
        "Source files, 6 in all:",
        "lib/sub/{core,__init__}.py",
        "lib/{errors,core,__init__,old}.py",
    ]


def test_layout_leaves_out_what_where_to_look_names_and_ends_where_its_room_does(signals):
    assert Layout(without_first=1).render(signals).splitlines() == [
        "Other source files, 5 in all:",
        "lib/{errors,core,__init__,old}.py",
        "lib/sub/__init__.py",
    ]
    assert Layout(without_first=6).render(signals) is None
    assert len(Layout(max_chars=60).render(signals)) <= 60


def test_where_to_look_leads_with_what_changed_most(signals):
    lines = WhereToLook(n_leading=2).render(signals).splitlines()
    assert lines[1:3] == ["lib/sub/core.py", "lib/errors.py"]
    assert lines[3:] == ["lib/{core,__init__,old}.py", "lib/sub/__init__.py"]


def test_where_to_look_names_no_more_than_it_may(signals):
    assert len(WhereToLook(n_files=2).render(signals).splitlines()) == 3
    assert WhereToLook(n_files=0).render(signals) is None


def test_key_modules_names_definitions_of_the_files_that_change_most(signals):
    assert KeyModules().render(signals).splitlines() == ["lib/errors.py: Broken", "lib/core.py: run _private"]
    assert KeyModules(max_chars=22).render(signals) == "lib/errors.py: Broken"


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


def test_editing_norms_point_at_the_guides(signals):
    text = EditingNorms().render(signals)
    assert "`CONTRIBUTING.md`" in text
    assert "`CHANGES.rst`" in text
    assert "`tox.ini`" in text


def test_pitfalls_name_shared_names_and_files_that_do_not_parse(signals):
    text = Pitfalls().render(signals)
    assert "`core.py` (2)" in text
    assert "`lib/old.py`" in text


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
