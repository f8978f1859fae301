"""The same command lines, signals and frames for the real ucarp and for carpd: every difference is declared.

Each difference has a row in `docs/differences-from-ucarp.md`, by whose number it is declared here.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import pytest

from tests.docs.pages import read
from tests.kernel.syslog import Syslog
from tests.kernel.wire import PASSWORD, VIP, Crafted
from tests.peers.differential import LEAST, NEEDED, OWN, PATIENCE_S, Play, play_all, settle
from triocarp.core import Authenticator, covered_addresses
from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernel.wire import Heard
    from tests.peers.differential import Script

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

RUNS: Final = None
"""In the place of an exit status: it listens."""


MAY_LACK: Final = ("Warning", "Unknown", "Switching")
"""Who is refused is not warned as well, and begins nothing."""


@dataclass(frozen=True, slots=True)
class Start:
    """A command line, and what comes of it.

    Attributes:
        words: the command line.
        ucarp: exit status of ucarp.
        carpd: of carpd.
        row: where the difference is declared.
    """

    words: tuple[str, ...]
    ucarp: int | None
    carpd: int | None
    row: str = ""


def without(option: str) -> tuple[str, ...]:
    """Return the command line that is needed without one option and its value."""
    place = NEEDED.index(option)
    return (*NEEDED[:place], *NEEDED[place + 2 :])


STARTS = [
    Start((), 0, 0),
    Start(("-h",), 0, 0),
    Start(("--help",), 0, 0),
    Start(("--he",), 0, 0),
    Start((*NEEDED, "-Ph"), 0, 0),
    Start((*NEEDED, "--bogus"), 0, 1, "25"),
    Start((*NEEDED, "-q"), 0, 1, "25"),
    Start((*NEEDED, "--adv", "1"), 0, 1, "25"),
    Start((*NEEDED, "--preempt=yes"), 0, 1, "25"),
    Start((*NEEDED, "-k"), 0, 1, "25"),
    Start(("-P",), 1, 1),
    Start(without("-s"), 1, 1),
    Start(without("-v"), 1, 1),
    Start(without("-p"), 1, 1),
    Start(without("-a"), 1, 1),
    Start((*NEEDED, "-v", "0"), 1, 1),
    Start((*NEEDED, "-v", "256"), 1, 1),
    Start((*NEEDED, "-v", "-1"), 1, 1),
    Start((*NEEDED, "-v", "seven"), 1, 1),
    Start((*NEEDED, "-v", ""), 1, 1),
    Start((*NEEDED, "-s", "10.0.0"), 1, 1),
    Start((*NEEDED, "-s", "host.example"), 1, 1),
    Start((*NEEDED, "-a", f"{VIP}/24"), 1, 1),
    Start((*NEEDED, "-a", "fe80::1"), 1, 1),
    Start((*NEEDED, "--mcast", "all"), 1, 1),
    Start((*NEEDED, "-p", ""), 1, 1),
    Start((*NEEDED, "-o", "/nowhere/password"), 1, 1),
    Start((*NEEDED, "-o", "/dev/null"), 1, 1),
    Start((*NEEDED, "-b", "0"), 1, 1),
    Start((*NEEDED, "-b", "0", "-k", "0"), 1, 1),
    Start((*NEEDED, "-b", "x"), 1, 1),
    Start((*NEEDED, "-r", "0"), 1, 1),
    Start((*NEEDED, "-r", "x"), 1, 1),
    Start((*NEEDED, "-p", "x" * 21), 2, 2),
    Start((*NEEDED, "-i", "nope0"), 2, 2),
    Start((*NEEDED, "-s", "10.9.9.9"), 2, 2),
    Start((*NEEDED, "-f", "console", "-v", "0"), 1, 1),
    Start((*NEEDED, "-B", "-r", "0"), 1, 1),
    Start((*NEEDED, "-B", "-i", "nope0"), 0, 2, "31"),
    Start((*NEEDED, "-B", "-p", "x" * 21), 0, 2, "31"),
    Start((*NEEDED, "-B", "-s", "10.9.9.9"), 0, 2, "31"),
    Start((*NEEDED, "-m", "224.0.0.18"), 0, RUNS, "24"),
    Start((*NEEDED, "--syslog=none"), 0, RUNS, "35"),
    Start((*NEEDED, "-g", "3"), 0, RUNS, "36"),
    Start((*NEEDED, "-p", "x" * 20), 2, RUNS, "37"),
    Start((*NEEDED, "-b", "300"), RUNS, 1, "26"),
    Start((*NEEDED, "-k", "256"), RUNS, 1, "26"),
    Start((*NEEDED, "-k", "many"), RUNS, 1, "26"),
    Start((*NEEDED, "-b", "255", "-k", "255"), RUNS, 1, "27"),
    Start((*NEEDED, "-a", OWN), RUNS, 1, "38"),
    Start((*NEEDED, "-s", "127.0.0.1"), RUNS, 1, "38"),
    Start((*NEEDED, "--mcastip", "10.0.0.1"), 2, 1, "38"),
    Start((*NEEDED, "-f", "console"), RUNS, RUNS),
    Start((*NEEDED, "-s", "10.9.9.9", "-M"), RUNS, RUNS),
]


@dataclass(frozen=True, slots=True)
class Life:
    """What a master does from its start to its end.

    Attributes:
        status: exit status of what was started.
        takeover: what it sends until it has announced twice.
        advertisement: the constant parts of what it says.
        scripts: with their arguments, in order.
        leaving: what it sends when it is told to end.
        words: that people look for in its log.
    """

    status: int
    takeover: tuple[str, ...]
    advertisement: tuple[object, ...]
    scripts: tuple[Script, ...]
    leaving: tuple[str, ...]
    words: frozenset[str]


OTHER_PASSWORD: Final = "battery staple"
BOTH = ("-u", "@/up", "-d", "@/down")
EACH = {"takeover": "8", "leaving": "9"}
"""How every carpd differs from every ucarp: it advertises and then announces, and it says goodbye."""
UNASKED = {"scripts": "14", "status": "14"}
"""What it does without -z, which a ucarp does not."""

LIVES: dict[tuple[str, ...], dict[str, str]] = {
    (*NEEDED, *BOTH, "-z"): EACH,
    (*NEEDED, *BOTH): EACH | UNASKED,
    (*NEEDED, *BOTH, "-z", "-n"): EACH,
    (*NEEDED, *BOTH, "-z", "-P", "-k", "100"): EACH,
    (*NEEDED, *BOTH, "-z", "-x", "one parameter; with * and $HOME"): EACH,
    (*NEEDED, *BOTH, "-z", "--xparam="): EACH,
    (*NEEDED, *BOTH, "-z", "-M"): EACH,
    (*NEEDED, *BOTH, "-z", "--mcast=239.192.7.9"): EACH,
    (*NEEDED, *BOTH, "-z", "-v", "0x2a"): EACH,
    (*NEEDED, *BOTH, "-z", "-v", "010"): EACH,
    (*NEEDED, *BOTH, "-z", "--vh=9", "--addr", "10.0.0.101", "words", "beside"): EACH,
    (*LEAST, *BOTH, "-z", "-p", OTHER_PASSWORD, "-o", "@/password"): EACH,
    (*LEAST, *BOTH, "-z", "-o", "@/password", "--pass", OTHER_PASSWORD): EACH,
    (*NEEDED, "--up=@/up", "--sh"): EACH,
    (*NEEDED, "--down=@/down", "-z"): EACH,
    (*NEEDED, "-u", "/nowhere/up", "-d", "@/down", "-z"): EACH,
    (*NEEDED, "-u", "up", "-d", "./down", "-z"): EACH,
    (*NEEDED, *BOTH, "-z", "-D", "-S"): EACH,
    (*NEEDED, *BOTH, "-z", "-r", "1"): EACH,
    (*NEEDED, *BOTH, "-z", "-B"): EACH,
    (*NEEDED, "-z"): EACH | {"words": "39"},
}


def constant(heard: Heard) -> tuple[object, ...]:
    """Return what of an advertisement is the same in all of a host: its headers, and the password that signs."""
    data = heard.frame.data
    said = heard.advertisement
    addresses = [covered_addresses([IPv4Address(vip)]) for vip in (VIP, "10.0.0.101")]
    keys = tuple(
        password
        for password in (PASSWORD, OTHER_PASSWORD)
        for covered in addresses
        if Authenticator(password.encode(), said.vhid, covered).verifies(said.counter, said.digest)
    )
    ip = data[14:18] + data[20:24] + data[26:34]
    return (data[:14].hex(), ip.hex(), data[34:40].hex(), len(data), keys)


def live(play: Play, words: tuple[str, ...]) -> Life:
    """Let the program become master, and end it."""
    daemon = play.start(*words)
    third = play.wait_for_advertisement(count=3)
    play.site.wire.capture.wait_for(
        lambda frame: frame.host == "two" and frame.announces is not None, since=third.at, timeout_s=30
    )
    takeover = tuple(play.kinds())
    asked = clock.now()
    play.stop(signal.SIGTERM)
    status = daemon.wait()
    play.catch_up()
    return Life(
        status=status,
        takeover=takeover[:5],
        advertisement=constant(third),
        scripts=tuple(play.scripts()),
        leaving=tuple(kind for kind in play.kinds(since=asked) if kind != "advertisement"),
        words=frozenset() if "-B" in words else play.words(),
    )


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of what was heard.

    Attributes:
        master: whether it is master in the end, and says so.
        announced: whether it announced the address again.
        scripts: that have run, in order.
        words: that people look for in its log.
    """

    master: bool
    announced: bool
    scripts: tuple[str, ...]
    words: frozenset[str]


def listen_for_long(play: Play, since: int) -> Reaction:
    """Return what it does in the time in which a ucarp reads, decides and advertises."""
    later = settle(3)
    return Reaction(
        master="advertisement" in play.kinds(since=later + clock.SECOND),
        announced="announcement" in play.kinds(since=since),
        scripts=tuple(script[0] for script in play.scripts()),
        words=play.words(),
    )


SKEW = ("-b", "1", "-k", "100")
GOOD = Crafted(source="10.0.0.1", advbase_s=1, advskew=50)
SPOILT = [
    Crafted(source="10.0.0.1", ttl=254),
    Crafted(source="10.0.0.1", version_and_type=0x31),
    Crafted(source="10.0.0.1", spoil_checksum=True),
    Crafted(source="10.0.0.1", password="another"),
    Crafted(source="10.0.0.1", vip="10.0.0.99"),
    Crafted(source="10.0.0.1", vhid=8),
    Crafted(source="10.0.0.1", length=35),
    Crafted(source="10.0.0.1", destination="224.0.0.99"),
    Crafted(source="10.0.0.1", destination=OWN),
    Crafted(source=OWN),
]


def heard_as_master(*frames: Crafted) -> Callable[[Play], Reaction]:
    """Return what plays some frames to a master."""

    def play_it(play: Play) -> Reaction:
        play.start(*NEEDED, *BOTH, *SKEW, "-z")
        third = play.wait_for_advertisement(count=3)
        # The second announcement has passed, so another one is a reaction.
        play.site.wire.capture.wait_for(
            lambda frame: frame.host == "two" and frame.announces is not None, since=third.at, timeout_s=30
        )
        said = clock.now()
        play.say(*frames)
        return listen_for_long(play, said)

    return play_it


def yields_to(frame: Crafted) -> Callable[[Play], Reaction]:
    """Return what plays a master that goes on to one that hears it."""

    def play_it(play: Play) -> Reaction:
        play.start(*NEEDED, *BOTH, *SKEW, "-z")
        play.wait_for_advertisement()
        with play.talk(frame):
            play.wait_for_scripts(3)
            return listen_for_long(play, clock.now())

    return play_it


def heard_as_backup(frame: Crafted, *flags: str, then: Crafted | None = None) -> Callable[[Play], Reaction]:
    """Return what plays a master to a backup, and then perhaps its last word."""

    def play_it(play: Play) -> Reaction:
        with play.talk(frame):
            play.start(*NEEDED, *BOTH, *SKEW, "-z", *flags)
            play.daemon.wait_for_log("Switching to state: BACKUP", timeout_s=30)
            if "-P" in flags:
                play.daemon.wait_for_log("Switching to state: MASTER", timeout_s=30)
                settle(2)  # so that it defends itself
            else:
                settle(4)
        if then is not None:
            play.say(then)
            play.wait_for_advertisement()
        return (
            listen_for_long(play, clock.now())
            if then or flags
            else Reaction(
                master="advertisement" in play.kinds(),
                announced="announcement" in play.kinds(),
                scripts=tuple(script[0] for script in play.scripts()),
                words=play.words(),
            )
        )

    return play_it


def worse(source: str = "10.0.0.1") -> Crafted:
    """Return an advertisement that is worse than what SKEW says."""
    return Crafted(source=source, advbase_s=1, advskew=200)


def equal(source: str) -> Crafted:
    """Return one that is as good."""
    return Crafted(source=source, advbase_s=1, advskew=100)


REACTIONS: dict[str, tuple[Callable[[Play], Reaction], dict[str, str]]] = {
    "what is not sound": (heard_as_master(*SPOILT), {}),
    "a worse one": (heard_as_master(worse()), {}),
    "an equal one of a higher address": (heard_as_master(equal("10.0.0.3")), {}),
    "an equal one of a lower address": (yields_to(equal("10.0.0.1")), {}),
    "a better one": (yields_to(GOOD), {}),
    "a goodbye, as master": (
        heard_as_master(Crafted(source="10.0.0.1", advbase_s=255, advskew=255)),
        {"words": "40"},
    ),
    "a better one, as backup": (heard_as_backup(GOOD), {}),
    "a worse one, as backup": (heard_as_backup(worse()), {}),
    "a worse one, as backup with -P": (heard_as_backup(worse(), "-P"), {"words": "40"}),
    "a goodbye, as backup": (
        heard_as_backup(GOOD, then=Crafted(source="10.0.0.1", advbase_s=255, advskew=255)),
        {},
    ),
}


def obey(play: Play, _: str) -> list[str]:
    """Send the signals that people send, and return what syslog has of it, without time and name."""
    syslog = Syslog(play.directory / "syslog")
    try:
        play.program = tuple(syslog.argv(*play.program))
        needed = [word for word in NEEDED if word not in {"-f", "none"}]
        daemon = play.start(*BOTH, "-z", *needed, "-f", "local3")
        syslog.wait_for("Switching to state: BACKUP", PATIENCE_S)
        play.wait_for_scripts(1)
        daemon.process.send_signal(signal.SIGUSR1)
        syslog.wait_for("BACKUP on eth0", PATIENCE_S)
        play.wait_for_advertisement()
        play.wait_for_scripts(2)
        daemon.process.send_signal(signal.SIGUSR1)
        syslog.wait_for("MASTER on eth0", PATIENCE_S)
        handed_over = clock.now()
        daemon.process.send_signal(signal.SIGUSR2)
        play.wait_for_scripts(3)
        again = play.wait_for_advertisement(since=handed_over + clock.SECOND // 2)
        assert again.at - handed_over >= 3 * clock.SECOND
        play.wait_for_scripts(4)
        assert daemon.stop() == 0
        play.wait_for_scripts(5)
        here = f"{play.directory}/"
        return [TOLD.sub(r"\1 \2", line).replace(here, "") for line in tuple(syslog.lines) if TOLD.match(line)]
    finally:
        syslog.close()


TOLD: Final = re.compile(
    r"(<\d+>).* u?carpd?\[\d+\]: (\[\w+\] (Switching to state: (BACKUP|MASTER)|Spawning .*|\w+ on eth0 id \d+)).*"
)
"""What both tell syslog of what they do; what stands behind ucarp's words is carpd's."""


def differences(one: object, other: object) -> dict[str, tuple[object, object]]:
    """Return the fields in which two results differ, with both values."""
    names: tuple[str, ...] = one.__dataclass_fields__.keys()  # type: ignore[attr-defined]
    both = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def test_command_lines(ucarp_program: str, tmp_path: Path) -> None:
    """Each has the exit status that is written down, and ucarp's words where both refuse it."""

    def begin(play: Play, start: Start) -> tuple[int | None, frozenset[str]]:
        play.start(*start.words)
        return play.ended_with(), play.words()

    wrong: list[str] = []
    for start, theirs, ours in play_all(STARTS, begin, ucarp_program, tmp_path):
        if (theirs[0], ours[0]) != (start.ucarp, start.carpd):
            wrong.append(f"{start.words}: ucarp {theirs}, carpd {ours}")
        if not start.row and not {word for word in theirs[1] if not word.startswith(MAY_LACK)} <= ours[1]:
            wrong.append(f"{start.words}: ucarp tells {theirs[1]}, carpd {ours[1]}")
    assert not wrong, "\n".join(wrong)


def test_lives(ucarp_program: str, tmp_path: Path) -> None:
    """From the start to the end as master: frames, scripts with their arguments and order, exit status, words."""
    wrong: list[str] = []
    for words, theirs, ours in play_all(LIVES, live, ucarp_program, tmp_path):
        found = differences(theirs, ours)
        if found.keys() != LIVES[words].keys():
            wrong.append(f"{words}: {found}")
    assert not wrong, "\n".join(wrong)


def test_reactions(ucarp_program: str, tmp_path: Path) -> None:
    """To what a master and a backup hear: state, announcements, scripts and words."""

    def react(play: Play, name: str) -> Reaction:
        return REACTIONS[name][0](play)

    wrong: list[str] = []
    for name, theirs, ours in play_all(REACTIONS, react, ucarp_program, tmp_path):
        found = differences(theirs, ours)
        # A ucarp reads late, so whether it has something to say of what it hears again is a matter of chance.
        if not found.keys() <= REACTIONS[name][1].keys():
            wrong.append(f"{name}: {found}")
    assert not wrong, "\n".join(wrong)


def test_signals(ucarp_program: str, tmp_path: Path) -> None:
    """SIGUSR1 and SIGUSR2: the same lines in syslog, in the same order, with the same severity and facility."""
    ((_, theirs, ours),) = play_all([""], obey, ucarp_program, tmp_path)
    assert theirs == ours
    assert len(theirs) == 4 + 5 + 2


def test_every_difference_is_on_the_page() -> None:
    """Its row is named where it is expected."""
    rows = set(re.findall(r"^\| (\d+) \|", read("differences-from-ucarp.md"), re.MULTILINE))
    declared = {start.row for start in STARTS if start.ucarp != start.carpd}
    for expected in (*LIVES.values(), *(each for _, each in REACTIONS.values())):
        declared |= set(expected.values())
    assert declared <= rows
    assert len(STARTS) + len(LIVES) >= 60
