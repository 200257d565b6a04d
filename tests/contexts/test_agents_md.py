import logging

import pytest

from contexttune.contexts.agents_md import AgentsMd, resolve_symlinks
from contexttune.errors import ConfigError
from contexttune.repos.git import Tree
from tests.contexts.stubs import checked_out
from tests.gitrepos import commit

FILES = ["AGENTS.md", "CLAUDE.md", "CONTRIBUTING.rst"]


def built(repo, there, **settings):
    """What is told of a commit with these files."""
    sha = commit(repo, there)
    return AgentsMd(**{"files": FILES} | settings).build(checked_out(repo, sha), None).text


def test_the_first_file_that_holds_text_is_told(tmp_path):
    files = {"AGENTS.md": " \n", "CLAUDE.md": "Run tox.\r\n", "CONTRIBUTING.rst": "Sign."}
    assert built(tmp_path, files) == "Run tox."
    assert built(tmp_path, files, files=["CONTRIBUTING.rst", "CLAUDE.md"]) == "Sign."


def test_all_files_stand_under_their_names_and_none_is_told_twice(tmp_path):
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    files = {"AGENTS.md": "Run tox.\n", "CONTRIBUTING.rst": "Sign."}
    assert built(tmp_path, files, all=True) == "## AGENTS.md\nRun tox.\n\n## CONTRIBUTING.rst\nSign."


def test_nothing_there_is_no_block_and_a_line_in_the_log(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert built(tmp_path, {"README.md": "x"}) == ""
    assert "AGENTS.md, CLAUDE.md, CONTRIBUTING.rst" in caplog.text


@pytest.mark.parametrize("unit", ["chars", "tokens"])
def test_the_budget_is_obeyed_with_a_warning(tmp_path, caplog, unit):
    whole = "\n".join(f"rule {n}" for n in range(100))
    text = built(tmp_path, {"AGENTS.md": whole}, budget=60, budget_unit=unit)
    assert whole.startswith(f"{text}\n")
    assert "AGENTS.md is cut to" in caplog.text


def test_only_the_commit_is_read(tmp_path):
    sha = commit(tmp_path, {"README.md": "x"})
    commit(tmp_path, {"AGENTS.md": "later"})
    assert AgentsMd(files=FILES).build(checked_out(tmp_path, sha), None).text == ""


def test_symlinks_are_followed_inside_the_tree_and_nowhere_else(tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("secret")
    repo = tmp_path / "repo"
    (repo / "docs").mkdir(parents=True)
    links = {"up": "../secret", "absolute": str(outside), "loop": "pool", "pool": "loop", "folder": "docs"}
    links |= {"docs/back": "../real.md", "chain": "docs/back", "gone": "nothing", "to_folder": "docs"}
    for name, target in links.items():
        (repo / name).symlink_to(target)
    tree = Tree(repo / ".git", "a/b", commit(repo, {"real.md": "x", "docs/a.md": "y"}))
    found = {name: resolve_symlinks(tree, name) for name in links} | {
        "in": resolve_symlinks(tree, "folder/a.md")
    }
    kept = {name: path for name, path in found.items() if path}
    assert kept == {"docs/back": "real.md", "chain": "real.md", "in": "docs/a.md"}


def test_an_empty_list_of_files_is_refused():
    with pytest.raises(ConfigError, match=r"condition\.files is empty"):
        AgentsMd(files=[])
