from contexttune.contexts.cards.key_modules import KeyModules


def test_key_modules_names_definitions_of_the_files_that_change_most(signals):
    assert KeyModules().render(signals).splitlines() == ["lib/errors.py: Broken", "lib/core.py: run _private"]
    assert KeyModules(max_chars=22).render(signals) == "lib/errors.py: Broken"
