from hypothesis import given
from hypothesis import strategies as st

from contexttune.contexts.braces import braced, braced_chars
from tests.contexts.maps import expanded

PATHS = st.lists(
    st.from_regex(r"([a-c]{1,3}/){0,2}[a-z]{0,3}(\.[a-c]{1,2})?[a-z]", fullmatch=True),
    max_size=20,
    unique=True,
)


@given(paths=PATHS)
def test_every_path_can_be_read_again_and_what_lines_take_is_known_beforehand(paths):
    lines = braced(paths, 10_000)
    assert sorted(path for line in lines for path in expanded(line)) == sorted(paths)
    taken = sum(len(line) + 1 for line in lines)
    assert braced_chars(paths, 10_000) == taken
    assert braced_chars(paths, 7) == min(taken, 7)


@given(paths=PATHS, room_chars=st.integers(-5, 120))
def test_room_is_a_hard_bound(paths, room_chars):
    assert sum(len(line) + 1 for line in braced(paths, room_chars)) <= max(room_chars, 0)


def test_a_directory_and_a_suffix_are_said_once_in_the_order_of_their_first_path():
    paths = ["b/two.py", "a/one.py", "b/one.py", "b/one.c", "top.py", "Makefile", ".hidden"]
    assert braced(paths, 1000) == ["b/{two,one}.py", "a/one.py", "b/one.c", "top.py", "{Makefile,.hidden}"]
