"""The recipes of CONTRIBUTING.md: each is written into an empty directory and used from the command line."""

import re
import shlex
from pathlib import Path

import pytest

from tests.command_line import contexttune
from tests.documents import ROOT, Document

CONTRIBUTING = Document(name="CONTRIBUTING.md", extra={})
_RECIPES = (ROOT / CONTRIBUTING.name).read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
RECIPES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", _RECIPES, re.DOTALL | re.MULTILINE))
# What shows that the part was used: a file that the commands wrote, with a text in it, or a printed text.
EVIDENCE = {
    "Runner": ("artifacts/preds/*/*/preds.jsonl", "NOTES.md"),
    "Condition": ("artifacts/contexts/*/*/readme-*.md", "#"),
    "Card": ("artifacts/contexts/*/*/*.md", " files"),
    "Signal": ("artifacts/signals/*/*/signals.json", '"makefiles"'),
    "Model": ("artifacts/preds/*/*/preds.jsonl", "renamed__"),
    "Harness": ("results/*/runs/*/outcomes.json", '"resolved"'),
    "Dataset": ("results/*/runs/*/problems.jsonl", "Fix this:"),
    "Statistic": (None, "median prompt tokens: {'baseline_context': "),
    "Task": (None, "good-morning, slice demo"),
}


def test_every_kind_of_part_has_a_recipe():
    assert set(RECIPES) == set(EVIDENCE)


@pytest.mark.parametrize("kind", sorted(RECIPES))
def test_a_recipe_works_as_written(kind, tmp_path):
    commands = []
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```", RECIPES[kind], re.DOTALL | re.MULTILINE):
        if language == "bash":
            commands += text.splitlines()
        else:
            path = tmp_path / text.splitlines()[0].removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert commands
    printed = ""
    for command in commands:
        python, flag, name, *words = shlex.split(command)
        assert (python, flag, name) == ("python", "-m", "contexttune")
        done = contexttune(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path))
        printed += done.stdout
        assert done.returncode == 0, command + done.stdout + done.stderr
    pattern, text = EVIDENCE[kind]
    found = (
        printed
        if pattern is None
        else "".join(path.read_text() for path in sorted(Path(tmp_path).glob(pattern)))
    )
    assert text in found
