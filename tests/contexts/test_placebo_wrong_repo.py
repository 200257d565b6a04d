import pytest

from contexttune.contexts.placebo_wrong_repo import PlaceboWrongRepo
from contexttune.errors import ArtifactError, ConfigError, PreflightError
from contexttune.interfaces import RepoAtCommit
from tests.contexts.stubs import SHA, Said, at, instance

RIGHT = "\n".join(f"right {n}" for n in range(10))
LONG = "\n".join(f"wrong line {n}" for n in range(100))
POOL = [instance(n) for n in range(3)] + [instance(n, "c/d", f"{n:040}") for n in range(3)]


def placebo(texts=None, pool=POOL, repository=at, per_instance=False, **settings):
    said = Said(texts=texts or {"a/b": RIGHT, "c/d": LONG}, per_instance=per_instance)
    return PlaceboWrongRepo(of=said, pool=pool, repository=repository, **settings)


@pytest.mark.parametrize("unit", ["chars", "tokens"])
def test_it_tells_of_another_repository_at_most_as_much_and_within_a_line(unit):
    text = placebo(budget_unit=unit).build(at(), None).text
    assert LONG.startswith(f"{text}\n")
    if unit == "chars":
        assert len(RIGHT) - len("\nwrong line 0") < len(text) <= len(RIGHT)


def test_one_as_long_as_the_right_one_goes_before_a_shorter_one():
    texts = {"a/b": RIGHT, "c/d": LONG, "e/f": "short"}
    pool = [instance(1), instance(1, "c/d"), instance(1, "e/f")]
    for n in range(10):
        commit = f"{n:040}"
        assert placebo(texts, pool).build(at(sha=commit), None).text.startswith("wrong line 0")


def test_a_shorter_one_stays_as_it_is_and_the_log_says_so(caplog):
    caplog.set_level("INFO")
    assert placebo({"a/b": RIGHT, "c/d": "short"}).build(at(), None).text == "short"
    assert f"5 of {len(RIGHT)} chars" in caplog.text


def test_the_commit_decides_and_not_the_order_of_the_slice():
    def others(pool, sha=SHA):
        return placebo(pool=pool).inputs(instance(1, sha=sha))["others"]

    many = POOL + [instance(n, "e/f", f"{n:040}") for n in range(9)]
    assert others(many) == others(many[::-1])
    assert len({str(others(many, f"{n:040}")) for n in range(9)}) > 1
    assert all(not told["commit"].startswith("a/b") for told in others(many))


def test_its_inputs_name_the_commits_and_what_the_wrapped_one_depends_on():
    told = placebo(pool=[instance(1), instance(2, "c/d")]).inputs(instance(1))
    assert told["of"] == "inputs of a__b-1"
    assert told["others"] == [{"commit": f"c/d@{SHA}", "issue": None, "of": "inputs of c__d-2"}]


def test_an_issue_aware_one_is_asked_about_the_other_issue():
    aware = placebo(per_instance=True)
    assert aware.build(at(), instance(1)).text.startswith(
        "wrong line 0"
    )  # Said asserts that issue and repository agree
    issues = [told["issue"] for told in aware.inputs(instance(1))["others"]]
    assert len(set(issues)) == 3


def test_a_slice_of_one_repository_is_refused_with_the_remedy_and_other_is_one():
    alone = [instance(1)]
    with pytest.raises(ConfigError, match=r"condition\.other=owner/name@sha"):
        placebo(pool=alone).build(at(), None)
    named = placebo(pool=alone, other=f"c/d@{SHA}")
    assert named.build(at(), None).text.startswith("wrong line 0")
    assert named.inputs(instance(1))["others"][0]["commit"] == f"c/d@{SHA}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"other": "c/d"}, r"condition\.other=c/d must be owner/name@"),
        ({"other": f"c/d@{SHA}", "per_instance": True}, r"condition\.of=said"),
    ],
)
def test_what_cannot_name_another_commit_is_refused_when_it_is_configured(settings, words):
    with pytest.raises(ConfigError, match=words):
        placebo(**settings)


def test_the_right_repository_is_no_other_one():
    with pytest.raises(ConfigError, match=r"condition\.other=a/b@"):
        placebo(other=f"a/b@{SHA}").build(at(), None)


def test_a_commit_that_cannot_be_had_is_found_before_anything_is_spent():
    def gone(repo: str, sha: str) -> RepoAtCommit:
        raise ArtifactError(f"{repo}: no commit {sha}")

    with pytest.raises(PreflightError, match="c/d: no commit"):
        placebo(repository=gone).build(at(), None)
