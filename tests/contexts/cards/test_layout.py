from contexttune.contexts.cards.layout import Layout


def test_layout_lists_source_files_by_directory_and_leaves_tests_and_documents_out(signals):
    assert Layout().render(signals).splitlines() == [
        "Source files, 6 in all:",
        "lib/sub/{core,__init__}.py",
        "lib/{errors,core,__init__,old}.py",
    ]


def test_layout_leaves_out_what_where_to_look_names_and_ends_where_its_room_does(signals):
    assert Layout(without_first=1).render(signals).splitlines() == [
        "Other source files, 5 in all:",
        "lib/{errors,core,__init__,old}.py",
        "lib/sub/__init__.py",
    ]
    assert Layout(without_first=6).render(signals) is None
    assert len(Layout(max_chars=60).render(signals)) <= 60
