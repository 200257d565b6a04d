from contexttune.config.differences import ABSENT, differences, in_words


def test_values_at_any_depth_and_keys_that_one_side_lacks():
    then = {"a": {"b": 1, "gone": {"x": 1, "y": []}}, "same": [1, 2], "n": 1}
    now = {"a": {"b": 2}, "same": [1, 2], "n": 1.0, "new": {}}
    assert differences(then, now) == [
        ("a.b", 1, 2),
        ("a.gone.x", 1, ABSENT),
        ("a.gone.y", [], ABSENT),
        ("new", ABSENT, {}),
    ]


def test_an_item_of_a_list_is_a_difference_of_its_own():
    assert differences({"ids": ["a", "b"]}, {"ids": ["a", "b", "c"]}) == [("ids.2", ABSENT, "c")]


def test_a_change_of_type_is_one():
    assert differences({"a": None}, {"a": {"b": 1}}) == [("a", None, {"b": 1})]
    assert differences({"a": "1"}, {"a": 1}) == [("a", "1", 1)]


def test_long_values_are_cut_in_words():
    assert in_words(("a.b", 1, "x" * 100)) == f"a.b: 1 -> {'x' * 77}..."
