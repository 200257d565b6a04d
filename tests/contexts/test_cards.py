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
from contexttune.git import Tree
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.import_graph import ImportGraph
from contexttune.signals.py_index import PyIndex
from contexttune.signals.stage import write_signals
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
    return write_signals(
        tree, [FileTree(), PyIndex(), ImportGraph(), TestManifest(), HotPaths()], root / "signals.json"
    )


def test_repo_identity_names_the_package_by_its_docstring(signals):
    assert RepoIdentity().render(signals).splitlines()[0] == "- `lib`: A library of things."


def test_layout_counts_source_files_and_leaves_tests_and_documents_out(signals):
    assert Layout().render(signals) == "- `lib/` 4 files\n- `lib/sub/` 2 files"


def test_where_to_look_leads_with_what_changed_most(signals):
    lines = WhereToLook().render(signals).splitlines()
    assert lines[1].startswith("- `lib/sub/`: core.py")
    assert "test_core.py" not in "".join(lines)


def test_key_modules_lists_importers_and_public_names(signals):
    text = KeyModules().render(signals)
    assert text.splitlines()[0] == "- `lib/errors.py` (2 importers): Broken"
    assert "_private" not in text


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
