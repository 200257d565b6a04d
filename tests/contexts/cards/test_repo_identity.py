from contexttune.contexts.cards.repo_identity import RepoIdentity


def test_repo_identity_names_the_package_by_its_docstring(signals):
    assert RepoIdentity().render(signals).splitlines()[0] == "- `lib`: A library of things."
