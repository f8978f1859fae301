"""The lines of a journal: what is written is read again, nothing else is, and no secret is among it."""

import json
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triocarp.core import (
    DIALECTS,
    Dialect,
    DropReason,
    Effect,
    Event,
    Family,
    FlapDamping,
    Link,
    NodeConfig,
    PacketUnreadable,
    ReleaseAddresses,
    Started,
    Stopped,
    TimerExpired,
    VirtualHostConfig,
)
from triocarp.core.journal import Entry, Gap, Header, JournalError, Line, LineJournal, Torn, decode, encode, read
from triocarp.core.journal_codec import WITHHELD, MisfitError, first_difference, form_of

from .journal_lines import CONFIGS, EXAMPLES, LINES, PASSWORDS, classes_of, values_of

REFERENCE = Path(__file__).parents[2] / "docs" / "journal.md"
RESERVED = {"journal", "n", "at", "kind", "effects", "gap"}
"""Keys of lines, which no field of an event or effect may have."""


def test_the_format_is_what_is_written_down() -> None:
    """The lines in docs/journal.md are what is written; whoever changes the format finds out here.

    Then raise `VERSION` if a reader of the old lines would not understand the new ones, and mend the document.
    """
    shown = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines(keepends=True) if line[0] == "{"]
    assert [encode(line) for line in EXAMPLES] == shown
    assert [decode(line) for line in shown] == list(EXAMPLES)


def test_every_class_has_its_example() -> None:
    """A new event or effect gets one, so that its line is pinned."""
    entries = [line for line in EXAMPLES if isinstance(line, Entry)]
    assert {type(line) for line in EXAMPLES} == {Header, Entry, Gap}
    assert {type(entry.event) for entry in entries} == set(classes_of(Event))
    assert {type(effect) for entry in entries for effect in entry.effects} == set(classes_of(Effect))


def test_no_field_is_called_like_a_key_of_the_lines() -> None:
    """The fields of an event stand among those keys."""
    for kind in (*classes_of(Event), *classes_of(Effect)):
        assert not RESERVED & {field.name for field in fields(kind)}, kind


@given(LINES)
def test_what_is_written_is_read_again(line: Line) -> None:
    """Any entry, gap or header comes back from its line, which is plain ASCII and one line."""
    text = encode(line)
    assert decode(text) == line
    assert text.isascii()
    assert text.splitlines(keepends=True) == [text]


@pytest.mark.parametrize("union", [Event, Effect])
@given(data=st.data())
def test_values_have_forms_by_their_types(union: object, data: st.DataObject) -> None:
    """Any event, effect or report has a form of its own as well, and comes back from it through JSON."""
    value = data.draw(values_of(union))
    own: object = type(value)
    for form in (form_of(union), form_of(own)):
        assert form.decode(json.loads(json.dumps(form.encode(value)))) == value


@given(values_of(Dialect) | st.sampled_from([*DIALECTS.values()]))
def test_any_dialect_can_be_written(dialect: Dialect) -> None:
    """A dialect of ours stands by its name, any other one with its fields, even under a name of ours."""
    form = form_of(Dialect)
    data = form.encode(dialect)
    assert form.decode(json.loads(json.dumps(data))) == dialect
    assert (data == dialect.name) is (dialect in DIALECTS.values())


def test_text_that_is_no_text_comes_back() -> None:
    """A name of the system that is no UTF-8 stands in it as Python has it."""
    gap = Gap(n=1, gap=1, why="\udcff \x00 \x7f \u2028 \N{SNOWMAN}")
    assert decode(encode(gap)) == gap


def test_an_address_is_written_alike_by_every_python() -> None:
    """Python 3.13 has changed the text of an IPv6 address that holds an IPv4 address."""
    form = form_of(PacketUnreadable)
    for text in ("::ffff:102:304", "::ffff:0:1", "::ffff:102:304%eth0"):
        packet = PacketUnreadable(interface="eth0", reason=DropReason.FOREIGN, source=IPv6Address(text))
        assert cast("dict[str, object]", form.encode(packet))["source"] == text
    addresses = form_of(ReleaseAddresses).encode(
        ReleaseAddresses(interface="eth0", vhid=7, addresses=(IPv6Interface("::ffff:1.2.3.4/96"),))
    )
    assert cast("dict[str, object]", addresses)["addresses"] == ["::ffff:102:304/96"]


# Secrets.


@given(CONFIGS, st.data())
def test_no_password_changes_a_header(config: NodeConfig, data: st.DataObject) -> None:
    """Nothing that follows from a password is in a header: with other passwords it is the same to the byte."""
    others = NodeConfig(
        virtual_hosts=tuple(
            replace(host, password=data.draw(PASSWORDS), other_password=data.draw(st.none() | st.just(b"new")))
            for host in config.virtual_hosts
        )
    )
    one, other = (Header(triocarp="1", seed=1, clock="", config=each) for each in (config, others))
    assert one == other
    assert encode(one) == encode(other)


@given(CONFIGS)
def test_no_password_is_in_a_header(config: NodeConfig) -> None:
    """Neither as it is, nor in hexadecimal, in the text or in the header itself."""
    header = Header(triocarp="0.1.0", seed=1, clock="CLOCK_BOOTTIME", config=config)
    text = encode(header) + repr(header)
    for host in config.virtual_hosts:
        for password in host.passwords:
            assert password.hex() not in text
            assert password.decode("latin-1") not in text
    assert {host.passwords for host in header.config.virtual_hosts} == {(WITHHELD,)}


def test_only_a_configuration_has_secrets() -> None:
    """Whatever a `repr` leaves out is a secret, and a line with another one would not say what happened."""
    for kind in (*classes_of(Event), *classes_of(Effect), Header, Entry, Gap, Dialect, FlapDamping):
        assert all(field.repr for field in fields(kind)), kind
    assert {"password", "other_password"} == {field.name for field in fields(VirtualHostConfig) if not field.repr}


# What is no journal.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)
GARBAGE = (
    st.text()
    | st.binary().map(lambda data: data.decode("latin-1"))
    | JSON.map(json.dumps)
    | st.text(alphabet='{}[]":,0123456789.-+eE\\utrnlafsNI ')
)


def read_or_refuse(text: str) -> None:
    """Read a line, and check that only what is written as we write it is taken."""
    line: Line | JournalError
    try:
        line = decode(text, 17)
    except JournalError as error:
        line = error
    if isinstance(line, JournalError):
        assert line.line == 17
        assert str(line) == f"line 17: {line.wrong}: expected {line.right}"
    else:
        assert encode(line) == text


@given(GARBAGE)
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("9" * 10_000)
@example("1e999")
@example("NaN")
@example("\ufeff{}")
@example('{"journal":true}')
@example('{"n":1,"at":0,"kind":"TimerExpired","effects":[],"effects":[]}')
def test_garbage_is_refused(garbage: str) -> None:
    """Whatever a line is, reading it gives a `JournalError` or what it says."""
    read_or_refuse(garbage)
    read_or_refuse(garbage + "\n")


def parts_of(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all values in data."""
    paths = [path]
    if isinstance(data, dict):
        for name, value in cast("dict[str, object]", data).items():
            paths += parts_of(value, (*path, name))
    elif isinstance(data, list):
        for index, value in enumerate(cast("list[object]", data)):
            paths += parts_of(value, (*path, index))
    return paths


@given(LINES, st.data())
def test_what_does_not_fit_is_refused(line: Line, data: st.DataObject) -> None:
    """A line with one value replaced by another, left out, or added, is refused or says something else."""
    whole: Any = json.loads(encode(line))
    *path, last = data.draw(st.sampled_from(parts_of(whole)[1:]))
    place = whole
    for step in path:
        place = place[step]
    match data.draw(st.sampled_from(["replace", "leave out", "add"])):
        case "replace":
            place[last] = data.draw(JSON)
        case "add" if isinstance(place, dict):
            place[data.draw(st.text())] = data.draw(JSON)
        case _:
            del place[last]
    read_or_refuse(json.dumps(whole, separators=(",", ":")) + "\n")


@given(LINES, st.data())
def test_another_spelling_is_refused(line: Line, data: st.DataObject) -> None:
    """White space that JSON allows, anywhere outside of text: another text is never the same line."""
    text = encode(line)
    place = data.draw(st.sampled_from([0, text.index(":"), len(text) - 1, len(text)]))
    space = data.draw(st.sampled_from([" ", "\t", "\n", "\r\n"]))
    with pytest.raises(JournalError):
        decode(text[:place] + space + text[place:])


STARTED = '{"n":1,"at":0,"kind":"Started","effects":[]}\n'
DROPPED = '"effects":[{"kind":"PacketDropped","interface":"eth0","reason":%s,"source":%s,"vhid":7}]}\n'


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        (STARTED[:-1], "the line has no end", "a newline"),
        ("what?\n", "'what?\\n' is no JSON", "one object"),
        ("[]\n", "[]", "an object"),
        ("{}\n", "has no n, at, effects", "every field of Entry"),
        ('{"journal":2}\n', "journal 2", "1, the version that this triocarp reads"),
        (STARTED.replace("1", "1.5"), "n 1.5", "a whole number"),
        (STARTED.replace("1", "true"), "n True", "a whole number"),
        (STARTED.replace("Started", "Starte"), "event.kind 'Starte'", "one of Started, TimerExpired, "),
        (STARTED.replace('"Started"', "[]"), "event.kind []", "one of Started, TimerExpired, "),
        (STARTED.replace("[]", "{}"), "effects {}", "a list"),
        (STARTED.replace("[]", "[7]"), "effects[0] 7", "an object"),
        (STARTED.replace(":0", ": 0"), '\' 0,"kind":"S...ffects":[]}\\n\' in column 13', '\'0,"kind":"St'),
        (STARTED + "\n", "'\\n' in column 46", "the end of the line"),
        (STARTED.replace("Started", "WallClockChanged"), "event has no offset", "every field of WallClockChanged"),
        (STARTED.replace(',"eff', ',"x":0,"eff'), "event has 'x'", "only fields of Started"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_would_be_right(text: str, wrong: str, right: str) -> None:
    """With the line, the path to the value, and the value."""
    with pytest.raises(JournalError) as caught:
        decode(text, 3)
    assert caught.value.line == 3
    assert caught.value.wrong == wrong
    assert caught.value.right.startswith(right)


@pytest.mark.parametrize(
    ("hint", "data", "message"),
    [
        (
            IPv4Address | IPv6Address | None,
            "10.0.0.256",
            "'10.0.0.256': expected an IPv4 address or an IPv6 address",
        ),
        (IPv4Address, 1, "1: expected an IPv4 address"),
        (bytes, "abc", "'abc': expected bytes in hexadecimal"),
        (Link, "up", "'up': expected one of UP, NO_CARRIER, DOWN, ABSENT"),
        (Link, [], "[]: expected one of UP, NO_CARRIER, DOWN, ABSENT"),
        (FlapDamping | None, {"losses": 1, "within": 2, "hold_down": ""}, "hold_down '': expected a whole number"),
        (tuple[tuple[DropReason, int], ...], [["OWN", 1], ["OWN"]], "[1] ['OWN']: expected 2 items"),
        (tuple[tuple[DropReason, int], ...], [["OWN", "1"]], "[0][1] '1': expected a whole number"),
        (frozenset[Family], ["IPV4", "IPV5"], "[1] 'IPV5': expected one of IPV4, IPV6"),
        (Dialect, "vrrp", "'vrrp': expected one of ucarp, carpd, "),
        (Dialect, 7, "7: expected an object"),
    ],
)
def test_a_misfit_is_named_with_its_path(hint: object, data: object, message: str) -> None:
    """Every form says what it expects."""
    with pytest.raises(MisfitError) as caught:
        form_of(hint).decode(data)
    assert str(caught.value).startswith(message)


def test_a_configuration_that_cannot_work_is_refused() -> None:
    """What the configuration itself finds wrong is told in its own words."""
    header = encode(EXAMPLES[0]).replace('"vhid":7', '"vhid":777')
    with pytest.raises(JournalError, match=r"config.virtual_hosts\[0\] vhid 777: expected a number from 1 to 255"):
        decode(header)


def test_a_type_without_a_form_is_a_bug() -> None:
    """A new type in a new event is noticed when the module is imported, not when the event happens."""
    with pytest.raises(TypeError, match="no form for <class 'float'>"):
        form_of(float)


# Several lines.

GAP = encode(Gap(n=1, gap=2, why="test"))


def test_lines_are_read_in_order_with_their_numbers() -> None:
    """From 1 on, as editors count."""
    header = encode(EXAMPLES[0])
    assert list(read([header, STARTED, GAP])) == [(1, EXAMPLES[0]), (2, decode(STARTED)), (3, decode(GAP))]
    assert list(read([])) == []


def test_a_torn_line_may_stand_where_a_run_can_end() -> None:
    """At the end of the journal without a newline, or before a header, with the newline that came with that."""
    header = encode(EXAMPLES[0])
    assert list(read([STARTED, STARTED[:9]])) == [(1, decode(STARTED)), (2, Torn(STARTED[:9]))]
    torn = STARTED[:9] + "\n"
    assert list(read([STARTED, torn, header]))[1:] == [(2, Torn(torn)), (3, EXAMPLES[0])]


@pytest.mark.parametrize(
    "lines",
    [
        [STARTED[:9] + "\n"],
        [STARTED[:9] + "\n", STARTED],
        [STARTED[:9] + "\n", "what?\n"],
        [STARTED[:9] + "\n", "{}\n"],
        [STARTED[:-1], STARTED[:-1]],
        ["{}\n", STARTED],
    ],
)
def test_a_torn_line_elsewhere_is_an_error(lines: list[str]) -> None:
    """The first bad line is the one that is named."""
    with pytest.raises(JournalError, match="line 1: "):
        list(read(lines))


def test_a_line_journal_numbers_its_entries() -> None:
    """The header first, and each entry at once."""
    lines: list[str] = []
    header = cast("Header", EXAMPLES[0])
    journal = LineJournal(replace(header, first=4), lines.append)
    journal.record(7, Started(), ())
    journal.record(8, TimerExpired(), (Stopped(),))
    assert [decode(line) for line in lines] == [
        replace(header, first=4),
        Entry(n=4, at=7, event=Started(), effects=()),
        Entry(n=5, at=8, event=TimerExpired(), effects=(Stopped(),)),
    ]


def test_differences_are_found_where_they_are() -> None:
    """The first one, with its path."""
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ("a[1].b", 2, 3)
    assert first_difference({"a": [1]}, {"a": [1, 2]}) == ("a", [1], [1, 2])
    assert first_difference({"a": 1}, {}) == ("a", 1, None)
    assert first_difference({"a": 1}, {"a": 1}) is None
    assert first_difference([1, 2], [1, 2]) is None
