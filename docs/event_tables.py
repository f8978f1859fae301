"""Writes ``docs/event-tables.md``: what a `Node` answers to each event in each state, in each dialect.

Nothing here says what the answers are: they are asked of real nodes. Run it when the core answers otherwise.
"""
# ruff: noqa: INP001 - a script beside the page that it writes

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final, assert_never

from triocarp.core import (
    CARP_GROUP,
    CARPD,
    DIALECTS,
    AddressChanged,
    Advertisement,
    Announce,
    Authenticator,
    CloseCall,
    DemotionRequested,
    Dialect,
    Effect,
    EffectFailed,
    Event,
    HealthChanged,
    HoldAddresses,
    Hook,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    MaintenanceChanged,
    Node,
    NodeConfig,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PacketReceived,
    PortFailure,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    Saying,
    SendAdvertisement,
    Started,
    State,
    StateChanged,
    Stopped,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    TwoMasters,
    VirtualHostConfig,
    covered_addresses,
    read_datagram,
)

PAGE: Final = Path(__file__).with_name("event-tables.md")

SECOND: Final = 1_000_000_000
SOON: Final = 10_000_000
"""Nanoseconds. A timer that is due so soon belongs to the answer: a backup waits 2 ms when the master leaves."""

ADVSKEW: Final = 100
VIP: Final = IPv4Interface("10.0.0.100/24")
OWN: Final = IPv4Address("10.0.0.5")
LOWER, HIGHER = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")
PASSWORD: Final = b"secret"
NOTHING: Final = "nothing"
CANNOT_BE: Final = "-"


class Trial:
    """One node with one virtual host, and what it has answered since somebody began to listen.

    Args:
        dialect: which CARP it speaks.
        preempt: whether it takes over from a worse master.
        hooks: whether it runs hooks.
    """

    def __init__(self, dialect: Dialect, *, preempt: bool = False, hooks: bool = False) -> None:
        self.config = VirtualHostConfig(
            interface="eth0",
            vhid=7,
            password=PASSWORD,
            addresses=(VIP,),
            source=OWN,
            advskew=ADVSKEW,
            preempt=preempt,
            up_hook=hooks,
            down_hook=hooks,
            dialect=dialect,
        )
        config = NodeConfig(virtual_hosts=(self.config,))
        self.node = Node(config, rng=random.Random(7))  # noqa: S311 - no secret, and the same page each time
        self.now = 0
        self.effects: tuple[Effect, ...] = ()
        self.words: list[str] = []

    @property
    def state(self) -> State:
        """The present state."""
        return self.node.virtual_hosts["eth0", 7].state

    def feed(self, event: Event) -> None:
        """Tell the node, and take down what it answers."""
        self.effects = self.node.handle(event, self.now)
        self.words += map(self._in_words, self.effects)

    def wait(self, duration: int) -> None:
        """Let time pass, without a timer."""
        self.now += duration

    def expire(self) -> None:
        """Let the next timer expire, and take down what it does."""
        assert self.node.deadline is not None, "there is no timer"  # noqa: S101 - a mistake in this script
        self.now = max(self.now, self.node.deadline)
        self.feed(TimerExpired())

    def hear(
        self,
        source: IPv4Address,
        *,
        advbase_s: int = 1,
        advskew: int = ADVSKEW,
        demotion: int = 0,
        password: bytes = PASSWORD,
    ) -> None:
        """Tell the node an advertisement."""
        authenticator = Authenticator(password, 7, covered_addresses((VIP.ip,), self.config.dialect.address_order))
        advertisement = Advertisement(
            vhid=7,
            advskew=advskew,
            advbase_s=advbase_s,
            counter=1,
            digest=authenticator.digest(1),
            demotion=demotion,
        )
        payload = advertisement.build()
        self.feed(
            PacketReceived(interface="eth0", source=source, destination=CARP_GROUP, ttl=255, payload=payload)
        )

    def fail(self, kind: type[HoldAddresses | ReleaseAddresses | SendAdvertisement]) -> None:
        """Tell the node that the last effect of a kind has failed."""
        for effect in self.effects:
            if isinstance(effect, kind):
                self.feed(EffectFailed(effect=effect, failure=PortFailure.OTHER, detail="told to fail"))
                return
        raise LookupError(f"there is no {kind.__name__} that could fail")

    def answer(self, happen: Callable[["Trial"], None]) -> str:
        """Let something happen and return the answer in words, with the timer if it was set anew."""
        self.words.clear()
        before = self.node.deadline
        happen(self)
        since = self.now
        while (deadline := self.node.deadline) is not None and deadline - since <= SOON:
            if deadline > self.now:
                self.words.append(f"{(deadline - self.now) / 1_000_000:g} ms later:")
            self.expire()
        after = self.node.deadline
        if after != before:
            self.words.append("no timer" if after is None else f"timer {(after - self.now) / SECOND:.3f} s")
        return ", ".join(self.words).replace(":,", ":") or NOTHING

    def _in_words(self, effect: Effect) -> str:  # noqa: C901, PLR0911, PLR0912 - a dictionary, as a match
        match effect:
            case StateChanged():
                return f"**→ {effect.new.value}** ({effect.cause.value})"
            case SendAdvertisement():
                return self._said(effect)
            case HoldAddresses():
                return "hold"
            case RenewAddresses():
                return "renew"
            case ReleaseAddresses():
                return "release"
            case Announce():
                return "announce"
            case RunHook():
                return f"run {effect.hook.value} hook"
            case PacketDropped():
                return f"drop `{effect.reason.value}`"
            case Noticed():
                return f"notice `{effect.notice.name}`"
            case TwoMasters():
                return "report two masters"
            case OneWaySuspected():
                return "report a deaf peer"
            case CloseCall():
                return "report a close call"
            case Stopped():
                return "report `Stopped`"
            case _:
                assert_never(effect)

    def _said(self, effect: SendAdvertisement) -> str:
        if effect.saying is Saying.GOODBYE:
            return "goodbye"
        packet = read_datagram("eth0", effect.packet)
        assert isinstance(packet, PacketReceived), "it is ours"  # noqa: S101 - a mistake in the core
        said = packet.payload
        words = {
            Saying.REGULAR: "advertise",
            Saying.LAST: "last advertisement",
            Saying.CONCESSION: "last advertisement",
        }[effect.saying]
        # Bytes 2 and 4 of the header: the advskew, and OpenBSD's demotion.
        worse = [f"advskew {said[2]}"] * (said[2] != ADVSKEW) + [f"demotion {said[4]}"] * (said[4] > 0)
        return f"{words} with {' and '.join(worse)}" if worse else words


def in_init(trial: Trial) -> None:
    """Bring a node to INIT: it has started, and its interface is down."""
    trial.feed(Started())
    trial.feed(LinkChanged(interface="eth0", link=Link.DOWN, hardware_address=b"\2\0\0\0\0\5"))


def in_backup(trial: Trial) -> None:
    """Bring a node to BACKUP: it has listened for a second, and heard nobody yet."""
    in_init(trial)
    link(Link.UP)(trial)
    trial.wait(SECOND)


def in_master(trial: Trial) -> None:
    """Bring a node to MASTER: in the silence, half a second ago."""
    in_init(trial)
    link(Link.UP)(trial)
    trial.expire()
    end_hook(Hook.UP)(trial)
    trial.wait(SECOND // 2)


def in_init_for_long(trial: Trial) -> None:
    """Bring a node to INIT, and let the first release be forgotten."""
    in_init(trial)
    trial.wait(2 * SECOND)


PREPARE: Final = {State.INIT: in_init_for_long, State.BACKUP: in_backup, State.MASTER: in_master}
ALL: Final = frozenset(State)
ONLY: Final = {state: frozenset({state}) for state in State}
RUNNING: Final = ALL - ONLY[State.INIT]


def told(event: Event) -> Callable[[Trial], None]:
    """Return what tells a node an event."""
    return lambda trial: trial.feed(event)


def link(condition: Link) -> Callable[[Trial], None]:
    """Return what changes the link."""
    return told(LinkChanged(interface="eth0", link=condition, hardware_address=b"\2\0\0\0\0\5"))


def address(*, present: bool) -> Callable[[Trial], None]:
    """Return what tells that somebody has put the virtual address there, or taken it away."""
    return told(AddressChanged(interface="eth0", address=VIP, present=present))


def end_hook(hook: Hook) -> Callable[[Trial], None]:
    """Return what tells that a hook has ended."""
    return told(HookFinished(interface="eth0", vhid=7, hook=hook, outcome=HookOutcome.SUCCEEDED))


def oversleep(trial: Trial) -> None:
    """Let the timer be served a dead time too late."""
    assert trial.node.deadline is not None  # noqa: S101 - a mistake in this script
    trial.now = trial.node.deadline + trial.config.dead_time
    trial.feed(TimerExpired())


def fail_to_hold(trial: Trial) -> None:
    """Let the address vanish, and the attempt to put it back fail."""
    address(present=False)(trial)
    trial.words.clear()
    trial.fail(HoldAddresses)


def fail_to_release(trial: Trial) -> None:
    """Let the address appear on a backup, and the attempt to take it off fail."""
    address(present=True)(trial)
    trial.words.clear()
    trial.fail(ReleaseAddresses)


def fail_to_send(times: int) -> Callable[[Trial], None]:
    """Return what makes some advertisements in a row fail, and tells of the last failure only."""

    def happen(trial: Trial) -> None:
        for _ in range(times):
            trial.expire()
            trial.words.clear()
            trial.fail(SendAdvertisement)

    return happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event.

    Attributes:
        event: in words.
        happen: makes it happen.
        states: in which it can.
        preempt: whether the host is configured to.
        begins: whether the node has not even started.
    """

    event: str
    happen: Callable[[Trial], None]
    states: frozenset[State] = ALL
    preempt: bool = False
    begins: bool = False

    def cell(self, dialect: Dialect, state: State) -> str:
        """Return the answer of a new node in a state, in words."""
        if state not in self.states:
            return CANNOT_BE
        trial = Trial(dialect, preempt=self.preempt)
        if not self.begins:
            PREPARE[state](trial)
        assert trial.state is state  # noqa: S101 - a mistake in this script
        return trial.answer(self.happen)


ROWS: Final = (
    Row(event="start", happen=told(Started()), states=ONLY[State.INIT], begins=True),
    Row(event="link up", happen=link(Link.UP)),
    Row(event="link lost", happen=link(Link.NO_CARRIER)),
    Row(event="advertisement timer", happen=Trial.expire, states=ONLY[State.MASTER]),
    Row(event="master-down timer", happen=Trial.expire, states=ONLY[State.BACKUP]),
    Row(event="better ad", happen=lambda trial: trial.hear(HIGHER, advskew=ADVSKEW - 1)),
    Row(event="equal ad, from a lower address", happen=lambda trial: trial.hear(LOWER)),
    Row(event="equal ad, from a higher address", happen=lambda trial: trial.hear(HIGHER)),
    Row(event="worse ad", happen=lambda trial: trial.hear(LOWER, advskew=ADVSKEW + 1)),
    Row(
        event="worse ad, with preempt",
        happen=lambda trial: trial.hear(LOWER, advskew=ADVSKEW + 1),
        preempt=True,
    ),
    Row(event="overdue ad: advbase 4", happen=lambda trial: trial.hear(LOWER, advbase_s=4)),
    Row(event="goodbye", happen=lambda trial: trial.hear(LOWER, advbase_s=255, advskew=255)),
    Row(
        event="better ad, with demotion byte 1",
        happen=lambda trial: trial.hear(LOWER, advskew=ADVSKEW - 1, demotion=1),
    ),
    Row(event="ad with another password", happen=lambda trial: trial.hear(LOWER, password=b"other")),
    Row(event="health check fails", happen=told(HealthChanged(check="http", healthy=False))),
    Row(event="operator demotes by 10", happen=told(DemotionRequested(amount=10))),
    Row(event="maintenance begins", happen=told(MaintenanceChanged(active=True))),
    Row(event="switch-over, hold-down 3 s", happen=told(SwitchOverRequested(hold_down=3 * SECOND))),
    Row(event="virtual address vanished", happen=address(present=False)),
    Row(event="virtual address appeared", happen=address(present=True)),
    Row(event="hold failed", happen=fail_to_hold, states=ONLY[State.MASTER]),
    Row(event="release failed", happen=fail_to_release, states=ONLY[State.BACKUP]),
    Row(event="sending failed", happen=fail_to_send(1), states=ONLY[State.MASTER]),
    Row(event="sending failed, third time", happen=fail_to_send(3), states=ONLY[State.MASTER]),
    Row(event="served a dead time too late", happen=oversleep, states=RUNNING),
    Row(event="stop", happen=told(StopRequested())),
)

HOOK_STEPS: Final[dict[str, tuple[State, tuple[tuple[str, Callable[[Trial], None]], ...]]]] = {
    "the host becomes master": (
        State.BACKUP,
        (
            ("master-down timer", Trial.expire),
            ("advertisement timer, the up hook still runs", Trial.expire),
            ("the up hook ends", end_hook(Hook.UP)),
        ),
    ),
    "the host is stopped": (
        State.MASTER,
        (("stop", told(StopRequested())), ("the down hook ends", end_hook(Hook.DOWN))),
    ),
    "a better host comes": (
        State.MASTER,
        (
            ("better ad", lambda trial: trial.hear(HIGHER, advskew=ADVSKEW - 1)),
            ("the down hook ends", end_hook(Hook.DOWN)),
        ),
    ),
}

_HEAD = """\
# Events and states, and their effects

What a `Node` answers to each event in each state: one table for each dialect.
Written by `docs/event_tables.py`, which asks real nodes; a test holds the two together.
It is what *we* do when we speak a dialect, to lay beside the tables of the implementations themselves.

The virtual host has VHID 7, one IPv4 address, advbase 1, advskew 100 and the source address 10.0.0.5.
It does not preempt, except where a row says so, and has no hooks.
In INIT its interface has been down for two seconds, and in BACKUP it has heard nobody for a second.
MASTER it became half a second ago.

The effects stand in the order in which they must be done.

| word | effect |
|---|---|
| advertise, last advertisement, goodbye | `SendAdvertisement`; with what it says, if that is not configured |
| hold, renew, release | `HoldAddresses`, `RenewAddresses`, `ReleaseAddresses` |
| announce | `Announce`: a gratuitous ARP |
| **→ STATE** (cause) | `StateChanged` |
| drop, notice, report | `PacketDropped`, `Noticed`, other reports |
| timer | no effect: the deadline was set anew, so far ahead |
| nothing | no effect, and the same deadline as before |
| - | cannot be |
| ≠ | another answer than the dialect `carpd` gives |
"""

_CHOICES: Final[dict[str, Callable[[Dialect], str]]] = {
    "dead time": lambda dialect: (
        "3 times (advbase + advskew/256)"
        if dialect.dead_ratio_multiplies_advskew
        else "3 times advbase, and advskew/256"
    ),
    "ties": lambda dialect: dialect.tie_rule.value,
    "yielding": lambda dialect: (
        "one more advertisement" if dialect.last_advertisement_on_yield else "without a word"
    ),
    "yielding on a tie": lambda dialect: (
        "one more advertisement, of one advskew more" if dialect.concedes_tie else "without a word"
    ),
    "demotion": lambda dialect: dialect.demotion_style.value,
}
"""The choices of a dialect that these tables can show."""


def table(dialect: Dialect) -> Iterator[str]:
    """Yield the lines of one dialect's table."""
    yield f"| event | {' | '.join(state.value for state in State)} |"
    yield "|---|" + "---|" * len(State)
    for row in ROWS:
        cells = (_marked(row.cell(dialect, state), row.cell(CARPD, state)) for state in State)
        yield f"| {row.event} | {' | '.join(cells)} |"


def _marked(cell: str, usual: str) -> str:
    return cell if cell == usual else f"≠ {cell}"


def differences(dialect: Dialect) -> str:
    """Return in one line what differs from the dialect ``carpd``."""
    if dialect is CARPD:
        choices = ", ".join(f"{name} ({choice(dialect)})" for name, choice in _CHOICES.items())
        return f"The other dialects are compared with this one in {choices}."
    others = ", ".join(
        f"{name} ({choice(dialect)})" for name, choice in _CHOICES.items() if choice(dialect) != choice(CARPD)
    )
    rows = [
        row.event for row in ROWS if any(row.cell(dialect, state) != row.cell(CARPD, state) for state in State)
    ]
    if not rows:
        return "Nothing in this table differs from `carpd`."
    return f"Differs from `carpd` in {others}: see *{'*, *'.join(rows)}*."


def hook_table() -> Iterator[str]:
    """Yield the lines of the table about hooks."""
    yield "| | event | effects |"
    yield "|---|---|---|"
    for story, (state, steps) in HOOK_STEPS.items():
        trial = Trial(CARPD, hooks=True)
        PREPARE[state](trial)
        for number, (event, happen) in enumerate(steps):
            if number == 0 and state is State.BACKUP:
                end_hook(Hook.DOWN)(trial)
            yield f"| {'' if number else story} | {event} | {trial.answer(happen)} |"


def in_order() -> Iterable[Dialect]:
    """Return the dialects, the one first with which the others are compared."""
    return (CARPD, *(dialect for dialect in DIALECTS.values() if dialect is not CARPD))


def write() -> str:
    """Return the page."""
    parts = [_HEAD]
    for dialect in in_order():
        parts += [f"## {dialect.name}\n", *table(dialect), "", differences(dialect), ""]
    parts += [
        "## With hooks\n",
        "The same in every dialect.",
        "Hooks keep nobody from advertising, and hold back only what must come after them.",
        "",
        *hook_table(),
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(write(), encoding="utf-8")
