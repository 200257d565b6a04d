from contexttune.contexts.ranking.outline import definitions
from contexttune.signals.python.scan import scan

SOURCE = b'''
class Box:
    """Holds."""

    size = 1

    def get(self):
        def local():
            class Deeper:
                def method(self): ...
        return local

    def get(self, more):
        x = 1
        y = 2
        z = 3
        v = 4
        return 5


async def run(): ...
'''


def test_definitions_are_all_but_what_is_local_to_a_function():
    found = definitions(scan(SOURCE)["symbols"])
    assert [one.name for one in found] == ["Box", "Box.get", "run"]
    assert [one.first_line for one in found] == [2, 13, 21]


def test_a_function_has_the_lines_of_what_is_local_to_it_and_of_two_the_longest_stands():
    found = {one.name: one.n_lines for one in definitions(scan(SOURCE)["symbols"])}
    assert found["Box"] == 5
    assert found["Box.get"] == 8


def test_a_module_without_definitions_has_none():
    assert definitions([]) == []
