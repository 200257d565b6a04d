from contexttune.signals.python.modules import module_names


def test_a_package_begins_below_the_last_directory_without_init():
    assert module_names(
        [
            *("__init__.py", "setup.py", "src/pkg/__init__.py", "src/pkg/m.py"),
            *("src/pkg/sub/__init__.py", "src/pkg/sub/m.py", "src/pkg/scripts/run.py"),
        ]
    ) == {
        "__init__.py": "__init__",
        "setup.py": "setup",
        "src/pkg/__init__.py": "pkg",
        "src/pkg/m.py": "pkg.m",
        "src/pkg/sub/__init__.py": "pkg.sub",
        "src/pkg/sub/m.py": "pkg.sub.m",
        "src/pkg/scripts/run.py": "run",
    }
