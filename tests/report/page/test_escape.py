from contexttune.report.page.escape import visible


def test_invisible_and_reordering_characters_are_shown_as_code_points():
    assert visible("plain\n\ttext") == "plain\n\ttext"
    assert visible("\x1b[31mred\x1b[0m\r\nnext") == "red\nnext"
    assert visible("a\u202eb\0\u2028\udcff") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+2028⟩⟨U+DCFF⟩"
    assert visible("a\u061c\u3164\U000e0041") == "a⟨U+061C⟩⟨U+3164⟩⟨U+E0041⟩"
    assert visible("naïve 漢字 🐍") == "naïve 漢字 🐍"
