import logging

import pytest

from contexttune.contexts.oracle_files import OracleFiles, changed_files
from contexttune.errors import ArtifactError, ConfigError
from contexttune.report import caveats, group
from contexttune.report.registered_analysis import Analysis
from contexttune.repos.git import git
from contexttune.system.files import read_json, write_json
from contexttune.types import GoldInstance
from tests.contexts.stubs import checked_out
from tests.gitrepos import commit, layout
from tests.report.groups import GROUP, write_run

ANALYSIS = Analysis(control="no_context", margin=0.05, seeds=None, registered=None, changed=[])


@pytest.fixture
def changed(tmp_path):
    """A commit, and an instance whose gold patch is the next one."""
    repo = tmp_path / "b"
    old = {
        "kept.py": "k\n",
        "lib/a b.py": "a\n" * 9,
        "gone.py": "-- a/kept.py\n",
        "old.py": "o\n" * 9,
        "m\u00e4p.py": "m\n",
    }
    sha = commit(repo, old)
    new = {
        "lib/a b.py": "a\n" * 8,
        "gone.py": None,
        "old.py": None,
        "new.py": "o\n" * 9,
        "m\u00e4p.py": "n\n",
        "added.py": "x\n",
    }
    commit(repo, new)
    patch = git("diff", "--find-renames", sha, "HEAD", cwd=repo).decode()
    assert "rename from old.py" in patch
    gold = GoldInstance(
        **{"instance_id": "a__b-1", "repo": "a/b", "base_commit": sha, "problem_statement": "it breaks"},
        **{"patch": patch, "test_patch": "", "row": {}},
    )
    return checked_out(repo, sha), gold


def with_patch(gold: GoldInstance, patch: str) -> GoldInstance:
    return GoldInstance(**{**vars(gold), "patch": patch})


def test_files_are_told_as_they_are_called_at_the_commit(changed):
    at_commit, gold = changed
    assert changed_files(at_commit.tree, gold) == ["gone.py", "lib/a b.py", "m\u00e4p.py", "old.py"]
    text = OracleFiles(allow_oracle=True).build(at_commit, gold).text
    assert text.splitlines()[:2] == ["The files to change are:", "- `gone.py`"]


def test_a_patch_that_only_adds_files_has_no_block(changed, caplog):
    at_commit, gold = changed
    added = "diff --git a/x.py b/x.py\nnew file mode 100644\n--- /dev/null\n+++ b/x.py\n@@ -0,0 +1 @@\n+x\n"
    with caplog.at_level(logging.INFO):
        assert OracleFiles(allow_oracle=True).build(at_commit, with_patch(gold, added)).text == ""
    assert "a__b-1: the gold patch only adds files" in caplog.text


def test_a_budget_is_obeyed_and_half_a_list_is_warned_of(changed, caplog):
    text = OracleFiles(allow_oracle=True, budget=40).build(*changed).text
    assert text == "The files to change are:\n- `gone.py`"
    assert "1 of 4 gold files fit" in caplog.text
    assert OracleFiles(allow_oracle=True, budget=30).build(*changed).text == ""


def test_another_gold_patch_is_another_context(changed):
    _, gold = changed
    generator = OracleFiles(allow_oracle=True)
    assert generator.inputs(gold) != generator.inputs(with_patch(gold, "x"))


def test_a_patch_that_git_cannot_read_is_one_sentence(changed):
    at_commit, gold = changed
    with pytest.raises(ArtifactError, match=r"a__b-1: .*gold patch"):
        changed_files(at_commit.tree, with_patch(gold, "no patch"))


def test_it_is_refused_unless_it_is_allowed_and_cannot_hide_its_name():
    with pytest.raises(ConfigError, match=r"condition\.allow_oracle=true"):
        OracleFiles()
    with pytest.raises(ConfigError, match=r"condition\.name=repo_map .*oracle"):
        OracleFiles(name="repo_map", allow_oracle=True)


def test_whoever_quotes_a_number_of_it_is_told(tmp_path):
    place = layout(tmp_path)
    for condition in ("no_context", "oracle_files"):
        write_run(place, condition, condition, 0, {"a": "resolved"})
    path = place.run(GROUP, "oracle_files") / "run.json"
    write_json(path, read_json(path) | {"gold_context": True})
    said = caveats.group_caveats(group.read(place, GROUP), ANALYSIS)
    (line,) = [line for line in said if "oracle_files" in line]
    assert "gold patch" in line
