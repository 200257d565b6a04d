"""Values that git or a container engine would take as options: none becomes one."""

import pytest

from contexttune.contexts.context_files import ContextStage
from contexttune.contexts.no_context import NoContext
from contexttune.errors import ArtifactError, ConfigError
from contexttune.instances.row_checks import instance_of
from contexttune.paths import Layout, is_bundled
from contexttune.repos.workspace import Workspace
from contexttune.types import Instance
from tests.gitrepos import commit, workspace

SHA = "0" * 40


@pytest.fixture
def layout(tmp_path):
    return Layout(cache=tmp_path / "cache", artifacts=tmp_path / "artifacts", results=tmp_path / "results")


@pytest.mark.parametrize(
    "remote",
    [
        "--upload-pack=touch {canary}; false",
        "-utouch {canary}",
        "ssh://-oProxyCommand=touch%20{canary}/x",
        "ext::touch {canary}",
        "-oProxyCommand=touch {canary}:x",
    ],
)
def test_a_remote_runs_no_program(tmp_path, layout, remote):
    canary = tmp_path / "canary"
    space = Workspace(layout=layout, remote=remote.format(canary=canary))
    for use in (lambda: space.mirror("a/b", SHA), lambda: space.require_remote("a/b", 20)):
        with pytest.raises(ArtifactError, match=r"workspace\.remote"):
            use()
    assert not canary.exists()


@pytest.mark.parametrize(
    ("repo", "sha", "key"), [("--upload-pack=x/y", SHA, "repo"), ("a/b", "--output=canary", "base_commit")]
)
def test_repositories_and_commits_are_no_options(tmp_path, layout, repo, sha, key):
    with pytest.raises(ArtifactError, match=f"^{key}="):
        Workspace(layout=layout, remote=f"file://{tmp_path}/{{name}}").mirror(repo, sha)


def test_a_fetch_takes_a_remote_as_a_remote(tmp_path, monkeypatch):
    """The mirror is there already: only the fetch of a missing commit sees the remote."""
    first = commit(tmp_path / "remotes/lib", {"a.py": "1"})
    space = workspace(tmp_path, tmp_path / "remotes")
    space.mirror("owner/lib", first)
    commit(tmp_path / "remotes/lib", {"a.py": "2"})
    canary = tmp_path / "canary"
    monkeypatch.setattr(Workspace, "url", lambda self, repo: f"--upload-pack=touch {canary}; false")
    with pytest.raises(ArtifactError):
        space.mirror("owner/lib", SHA)
    assert not canary.exists()


@pytest.mark.parametrize("image", ["--privileged", "-v/:/host"])
def test_an_image_is_no_option_of_an_engine(image):
    row = dict.fromkeys(("problem_statement", "patch", "test_patch", "version", "eval_script"), "")
    row |= {"instance_id": "a__b-1", "repo": "a/b", "base_commit": SHA, "image": image}
    row |= dict.fromkeys(("FAIL_TO_PASS", "PASS_TO_PASS", "log_parser", "eval_type"), "")
    with pytest.raises(ConfigError, match="image="):
        instance_of(row, "rows.jsonl")


def test_a_location_that_leaves_the_package_is_not_bundled():
    """Bundled tasks may be graded without a sandbox."""
    assert is_bundled("package://contexttune/demo")
    assert not is_bundled("package://contexttune/../../elsewhere")


def test_the_name_of_a_condition_leads_out_of_no_directory(layout):
    generator = NoContext(name="../../../../outside/x")
    stage = ContextStage(layout=layout, generator=generator, settings={}, signals=[])
    path = stage.path(Instance(instance_id="i", repo="a/b", base_commit=SHA, problem_statement=""), "md")
    assert path.resolve().is_relative_to(layout.contexts("a/b", SHA).resolve())
