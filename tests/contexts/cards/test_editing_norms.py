from contexttune.contexts.cards.editing_norms import EditingNorms


def test_editing_norms_point_at_the_guides(signals):
    text = EditingNorms().render(signals)
    assert "`CONTRIBUTING.md`" in text
    assert "`CHANGES.rst`" in text
    assert "`tox.ini`" in text
