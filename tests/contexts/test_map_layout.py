from hypothesis import given, settings
from hypothesis import strategies as st

from contexttune.contexts.map_layout import lay_out
from contexttune.contexts.ranking.outline import RankedFile
from tests.contexts.maps import listed

NAMES = st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?", fullmatch=True)
FILES = st.lists(
    st.builds(
        RankedFile,
        st.from_regex(r"([a-c]{1,3}/){0,2}[a-z]{1,8}\.py", fullmatch=True),
        st.floats(0, 1),
        st.lists(st.tuples(NAMES, st.floats(0, 1)), max_size=12),
    ),
    max_size=20,
    unique_by=lambda file: file.path,
)


def map_of(files, others=(), total_chars=1000, tree_share=0.5):
    return lay_out("Map.", files, others, total_chars=total_chars, tree_share=tree_share).text


@settings(max_examples=30)
@given(files=FILES, total_chars=st.integers(1, 900), tree_share=st.floats(0, 1))
def test_the_budget_is_a_hard_bound_and_no_path_stands_twice(files, total_chars, tree_share):
    text = map_of(files, total_chars=total_chars, tree_share=tree_share)
    assert len(text) <= total_chars
    paths = listed(text)
    assert len(set(paths)) == len(paths)
    assert set(paths) <= {file.path for file in files}


@settings(max_examples=30)
@given(files=FILES)
def test_nothing_is_left_out_when_all_fits(files):
    text = map_of(files, ["c/other.c"], total_chars=100_000)
    assert set(listed(text)) == {file.path for file in files} | {"c/other.c"}


def test_outlines_stand_in_the_order_of_the_files_and_name_methods_under_their_class():
    files = [
        RankedFile("a/two.py", 2.0, [("run", 1.0)], "because"),
        RankedFile("a/one.py", 1.0, [("Box", 0.1), ("Box.get", 0.2), ("Box.Inner.put", 0.2), ("top", 0.3)]),
    ]
    assert map_of(files, ["a/three.c", "four.c"]).splitlines() == [
        "Map.",
        "a/two.py: run",
        "a/one.py: Box(get Inner.put) top",
        "Other files:",
        "a/three.c",
        "four.c",
    ]


def test_each_line_has_a_reason_and_the_tree_has_one_for_all():
    files = [RankedFile("a/two.py", 2.0, [("run", 1.0)], "because"), RankedFile("a/one.py", 1.0)]
    laid = lay_out("Map.", files, ["c.c"], total_chars=1000, tree_share=0.5)
    why = "no room for an outline; likeliest first"
    assert laid.text.splitlines() == ["Map.", "a/two.py: run", "Other files:", "a/one.py", "c.c"]
    assert laid.reasons() == ["", "because", "", why, why]
    assert lay_out("Map.", [], [], total_chars=1000, tree_share=0.5).reasons() == [""]


def test_when_room_is_short_the_definitions_most_worth_their_characters_are_named():
    names = [(f"rarely_changed_{n}", 0.1) for n in range(40)] + [("often", 9.0), ("likely", 8.0)]
    text = map_of([RankedFile("a.py", 1.0, names)], total_chars=36)
    assert text == "Map.\na.py: often likely"


def test_names_of_files_keep_their_share_and_the_last_of_the_ranking_give_way_first():
    outlined = RankedFile("a.py", 9.0, [(f"name_{n}", 1.0) for n in range(100)])
    files = [outlined, *(RankedFile(f"pkg/file_{n}.py", 1.0) for n in range(100))]
    text = map_of(files, total_chars=600, tree_share=0.5)
    names = text.splitlines()[-1].removeprefix("pkg/{").removesuffix("}.py").split(",")
    assert names == [f"file_{n}" for n in range(len(names))]
    assert 250 <= len(text.splitlines()[-1]) <= 300


def test_a_budget_without_room_for_a_line_gives_nothing():
    files = [RankedFile("a/very/long/path/of/a/file.py", 1.0, [("run", 1.0)])]
    assert map_of(files, total_chars=3) == ""
    assert map_of(files, total_chars=20) == ""
