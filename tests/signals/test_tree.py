from contexttune.signals.tree import FileTree


def test_the_tree_tells_files_links_and_submodules_apart(tree_of):
    tree = tree_of(
        {"a/x.py": "", "a/y.TXT": "", "top": "", ".hidden": ""},
        {"loop": "loop", "sub": "160000 " + "1" * 40},
    )
    assert FileTree().extract(tree) == {
        "n_files": 4,
        "files": [".hidden", "a/x.py", "a/y.TXT", "top"],
        "symlinks": ["loop"],
        "submodules": ["sub"],
        "directories": {".": 2, "a": 2},
        "extensions": {".py": 1, ".txt": 1},
    }


def test_an_empty_commit_has_no_files(tree_of):
    assert FileTree().extract(tree_of({}))["n_files"] == 0
