from contexttune.contexts.cards.where_to_look import WhereToLook


def test_where_to_look_leads_with_what_changed_most(signals):
    lines = WhereToLook(n_leading=2).render(signals).splitlines()
    assert lines[1:3] == ["lib/sub/core.py", "lib/errors.py"]
    assert lines[3:] == ["lib/{core,__init__,old}.py", "lib/sub/__init__.py"]


def test_where_to_look_names_no_more_than_it_may(signals):
    assert len(WhereToLook(n_files=2).render(signals).splitlines()) == 3
    assert WhereToLook(n_files=0).render(signals) is None
