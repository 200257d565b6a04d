import json

import pytest

from contexttune.errors import InfraError
from contexttune.injection import block
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.runners.single_shot import SingleShot
from contexttune.types import AttemptStatus, Instance
from tests.gitrepos import commit, workspace
from tests.models.fault_server import error, ok, serving

FIX = "```diff\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n```"


@pytest.fixture
def case(tmp_path):
    sha = commit(
        tmp_path / "remotes" / "lib", {"m.py": "x = 1\n", "README": "r", "latin.py": b"# caf\xe9\nx = 1\n"}
    )
    instance = Instance(
        instance_id="o__lib-1", repo="o/lib", base_commit=sha, problem_statement="x is wrong\r\n{{ y }}"
    )
    return instance, workspace(tmp_path, tmp_path / "remotes"), tmp_path / "out"


def attempt(case, answer, context="", **keys):
    instance, space, out = case
    out.mkdir(exist_ok=True)
    with serving(answer) as server:
        model = OpenAICompatible(seed=0, name="m", base_url=server.url, api_key_env=None, attempts=1)
        return SingleShot(model=model, workspace=space, **keys).run(
            instance, block(context), out
        ), server.requests


def test_a_fix_is_submitted_as_gits_own_diff(case):
    done, _ = attempt(case, ok(FIX))
    assert (done.status, done.exit_status, done.n_calls) == (AttemptStatus.SUBMITTED, "stop", 1)
    assert done.model_patch.startswith("diff --git a/m.py b/m.py\nindex ")
    assert done.usage.prompt_tokens == 11
    trajectory = json.loads((case[2] / "o__lib-1.traj.json").read_text())
    assert [m["role"] for m in trajectory["messages"]] == ["system", "user", "assistant"]


def test_arms_differ_by_the_block_alone(case):
    _, (without,) = attempt(case, ok(FIX))
    _, (treated,) = attempt(case, ok(FIX), context="## Layout\n- m.py")
    task = treated["messages"][1]["content"]
    framed = block("## Layout\n- m.py") + "\n\n"
    assert task.startswith(framed)
    treated["messages"][1]["content"] = task.removeprefix(framed)
    assert treated == without
    assert without["messages"][1]["content"].startswith(
        "x is wrong\r\n{{ y }}\n\nThe repository `o/lib` holds these files:\n"
    )


def test_search_replace_edits_become_the_same_patch(case):
    edit = "m.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"
    done, _ = attempt(case, ok(edit), edit_format="search_replace")
    assert done.model_patch == attempt(case, ok(FIX))[0].model_patch


@pytest.mark.parametrize(
    ("answer", "status", "exit_status"),
    [
        (ok("I cannot say."), "empty_patch", "no_patch_in_reply"),
        (ok("", refusal="no"), "empty_patch", "refusal"),
        (ok(FIX, finish_reason="content_filter"), "submitted", "content_filter"),
        (ok(FIX[:-20], finish_reason="length"), "limit", "length"),
        (ok(FIX.replace("m.py", "absent.py")), "agent_error", "patch_does_not_apply"),
        (
            ok(FIX.replace("m.py", "latin.py").replace("-x", " # caf\ufffd\n-x")),
            "agent_error",
            "patch_does_not_apply",
        ),
        (error(400, "maximum context length exceeded"), "limit", "ContextWindowExceeded"),
    ],
)
def test_every_kind_of_answer_is_a_measurement_of_its_class(case, answer, status, exit_status):
    done, _ = attempt(case, answer)
    assert (done.status, done.exit_status) == (status, exit_status)


def test_what_a_limit_cut_short_is_not_submitted(case):
    assert attempt(case, ok(FIX, finish_reason="length"))[0].model_patch == ""


def test_an_outage_is_raised_and_not_an_attempt(case):
    with pytest.raises(InfraError):
        attempt(case, error(500))


def test_the_file_list_keeps_its_budget_and_says_what_it_left_out(case):
    _, (request,) = attempt(case, ok(FIX), file_list_budget_chars=12)
    assert "holds these files:\nlatin.py\n... and 2 more\n" in request["messages"][1]["content"]


def test_a_rehearsal_is_the_text_of_the_request(case):
    instance, space, _ = case
    _, (request,) = attempt(case, ok(FIX))
    model = OpenAICompatible(seed=0, name="m", api_key_env=None)
    rehearsed = SingleShot(model=model, workspace=space).rehearse(instance, "")
    assert rehearsed == "\n".join(m["content"] for m in request["messages"])
