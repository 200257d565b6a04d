"""The script of the demo's model answers every instance, in both arms, and only once each; and writes of each repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

Rules = list[dict[str, Any]]

DEMO = Path(__file__).resolve().parents[2] / "contexttune" / "demo"
STATEMENTS = {path.parent.name: path.read_text("utf-8") for path in DEMO.glob("tasks/*/problem_statement.md")}
BLOCK = "======BEGIN_REPO_CONTEXT=====\nOverview\n======END_REPO_CONTEXT=====\n\n"


@pytest.fixture(scope="module")
def rules() -> Rules:
    loaded: Rules = yaml.safe_load((DEMO / "replies.yaml").read_text("utf-8"))
    return loaded


def _matching(rules: Rules, request: str) -> list[int]:
    return [
        number
        for number, rule in enumerate(rules)
        if all(text in request for text in rule["contains"])
        and not any(text in request for text in rule.get("lacks", []))
    ]


def test_every_request_has_an_answer_of_its_own(rules: Rules) -> None:
    chosen = [_matching(rules, block + text)[0] for text in STATEMENTS.values() for block in ("", BLOCK)]
    assert sorted(chosen) == list(range(len(rules) - 3)) == list(range(12))


def test_every_repository_has_a_document_that_names_its_files(rules: Rules) -> None:
    for bundle in DEMO.glob("repos/*.bundle"):
        repo = bundle.stem.replace("__", "/")
        (number,) = _matching(rules, f"You write the overview of the repository {repo} for a programmer")
        assert f"`{repo.partition('/')[2]}/" in rules[number]["reply"]
        assert number >= 12


def test_an_answer_is_chosen_by_its_own_issue_only(rules: Rules) -> None:
    for instance_id, text in STATEMENTS.items():
        phrases = {rules[number]["contains"][0] for number in _matching(rules, text)}
        assert len(phrases) == 1, instance_id
        assert text.startswith(phrases.pop())


def test_a_rule_has_known_keys_only(rules: Rules) -> None:
    for rule in rules:
        assert {"contains", "reply"} <= set(rule) <= {"contains", "lacks", "reply", "finish_reason"}


def test_no_phrase_occurs_in_a_repository_so_a_context_cannot_choose_an_answer(rules: Rules) -> None:
    sources = "\n".join(path.read_text("utf-8") for path in DEMO.glob("tasks/*/*.patch"))
    assert not [rule["contains"][0] for rule in rules if rule["contains"][0] in sources]
