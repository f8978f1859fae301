import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.library import names, text_of
from carpsim.toml_text import Json, Place, key_text, lines_of, path_text, value_text

TEXT = """\
a = 1
"b c" = [1, [2,
  3], { d = "x", 'e' = 4 }]   # a comment with [brackets] and = signs
text = \"\"\"
not = a key
[nor.a.table]
\"\"\"
literal = '''
[[no]]'''
date = 1979-05-27 07:32:00

[table.sub]
f.g = true
"h.i" = "a \\" # no comment"
[[list]]
x = []
[[list]]
  y = {}
[list.inner]
z = 5
[[list.many]]
[[list.many]]
w = [
  # a comment
  "one", "two",
]
"""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def test_each_key_has_its_line() -> None:
    """Tables, keys with dots and quotes, lists over several lines, inline tables, texts that look like keys."""
    lines = lines_of(TEXT)
    expected: dict[Place, int] = {
        ("a",): 1,
        ("b c",): 2,
        ("b c", 1, 0): 2,
        ("b c", 1, 1): 3,
        ("b c", 2, "d"): 3,
        ("b c", 2, "e"): 3,
        ("text",): 4,
        ("literal",): 8,
        ("date",): 10,
        ("table", "sub"): 12,
        ("table", "sub", "f", "g"): 13,
        ("table", "sub", "h.i"): 14,
        ("list", 0): 15,
        ("list", 0, "x"): 16,
        ("list", 1): 17,
        ("list", 1, "y"): 18,
        ("list", 1, "inner", "z"): 20,
        ("list", 1, "many", 0): 21,
        ("list", 1, "many", 1, "w", 0): 25,
        ("list", 1, "many", 1, "w", 1): 25,
    }
    assert {place: lines.get(place) for place in expected} == expected
    assert ("not",) not in lines
    assert ("no",) not in lines


def places(tree: Json, ahead: Place = ()) -> list[Place]:
    """Return the place of everything in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = [ahead] if ahead else []
    for key, value in inner:
        found += places(value, (*ahead, key))
    return found


@pytest.mark.parametrize("name", names())
def test_everything_in_a_scenario_has_a_line(name: str) -> None:
    """What TOML reads of the library's files, and no more, has a line."""
    text = text_of(name)
    found = lines_of(text)
    assert set(places(tomllib.loads(text))) - {("host",), ("client",), ("router",), ("segment",)} <= set(found)


@given(tree=st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_as_it_was_and_has_its_lines(tree: dict[str, Any]) -> None:
    """Any value becomes a line of TOML that means it, and each part of it is on that line."""
    text = "".join(f"{key_text(key)} = {value_text(value)}\n" for key, value in tree.items())
    assert tomllib.loads(text) == tree
    lines = lines_of(text)
    number = {key: line for line, key in enumerate(tree, 1)}
    assert {place: lines.get(place) for place in places(tree)} == {
        place: number[str(place[0])] for place in places(tree)
    }


def test_a_place_is_written_as_people_do() -> None:
    """Dots between keys, brackets around numbers, quotes where a key needs them."""
    assert path_text(("fault", 0, "parts", 1, 2)) == "fault[0].parts[1][2]"
    assert path_text(("host", "b c", "x")) == 'host."b c".x'
