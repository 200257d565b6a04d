import pytest

from contexttune.signals.test_manifest import TestManifest


@pytest.mark.parametrize(
    ("files", "framework", "commands"),
    [
        (
            {"tox.ini": "[testenv]\ncommands =\n    pip list\n    pytest -x \\\n      {posargs}\n[testenv:docs]\ncommands = make\n"},
            "pytest",
            ["pytest -x {posargs}"],
        ),
        (
            {"tests/runtests.py": "import django\n", "tests/test_a.py": ""},
            "django",
            ["python tests/runtests.py"],
        ),
        ({"bin/test": "#!/usr/bin/env python\n", "conftest.py": ""}, "pytest", ["python bin/test"]),
        ({"Makefile": "all: x\n\ntest: build\n\t@python -m unittest -v\n\nclean:\n\trm x\n"}, "unittest", ["python -m unittest -v"]),
        ({"setup.cfg": "[nosetests]\nverbosity=1\n", "tests/test_a.py": ""}, "nose", ["python -m pytest tests"]),
        ({"noxfile.py": "def t(session):\n    session.run('pytest', '-q', *session.posargs)\n"}, "pytest", ["pytest -q"]),
        ({"CONTRIBUTING.md": "Run:\n\n    $ python -m pytest tests -v\n\nthen pytest is happy.\n"}, "pytest", ["python -m pytest tests -v"]),
        ({"tests/test_a.py": "import unittest\n"}, "unittest", ["python -m unittest discover tests"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": ""}, "pytest", ["python -m pytest tests"]),
        ({"pyproject.toml": "not toml [", "tox.ini": "]", "a.py": ""}, "unknown", []),
    ],
)  # fmt: skip
def test_the_manifest_repeats_what_the_repository_says(tree_of, files, framework, commands):
    facts = TestManifest().extract(tree_of(files))
    assert (facts["framework"], facts["commands"]) == (framework, commands)


def test_test_directories_are_the_outermost_ones(tree_of):
    facts = TestManifest().extract(
        tree_of({"tests/unit/test/test_a.py": "", "p/tests/b.py": "", "p/c.py": ""})
    )
    assert facts["directories"] == ["p/tests", "tests"]
    assert facts["files"] == ["tests/unit/test/test_a.py"]


def test_an_empty_commit_has_no_framework(tree_of):
    assert TestManifest().extract(tree_of({}))["framework"] == "unknown"
