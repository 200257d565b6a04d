from contexttune.contexts.cards.pitfalls import Pitfalls


def test_pitfalls_name_shared_names_and_files_that_do_not_parse(signals):
    text = Pitfalls().render(signals)
    assert "`core.py` (2)" in text
    assert "`lib/old.py`" in text
