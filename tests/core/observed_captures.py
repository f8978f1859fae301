"""What an observer must see in each capture, stated by hand from the scenario and the frames.

Instants are seconds since the capture began. The silence after the last frame counts as silence: a capture that
was simply stopped ends like a master that was killed.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address

from triocarp.core.observer.sightings import Failover, FailoverCause, Host, Role, RoleCause, RoleChanged, Sighting
from triocarp.core.timing import SECOND

A = Host(address=IPv4Address("10.99.0.1"))
B = Host(address=IPv4Address("10.99.0.2"))


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One capture as an observer must see it.

    Attributes:
        number: of the capture.
        story: what happened there.
        seen: roles and failovers, in order.
        announced: when somebody announced the address, and who, where that was known at that moment.
    """

    number: str
    story: str
    seen: tuple[Sighting, ...]
    announced: tuple[tuple[float, Host | None], ...]


def nanoseconds(instant_s: float) -> int:
    """Return whole nanoseconds."""
    return round(instant_s * SECOND)


def began(host: Host, at: float) -> RoleChanged:
    """Return that a host is master for the first time."""
    instant = nanoseconds(at)
    return RoleChanged(host=host, role=Role.MASTER, at=instant, cause=RoleCause.FIRST_HEARD, last_heard=instant)


def fell_silent(host: Host, at: float, *, last_heard: float) -> RoleChanged:
    """Return that a host was not heard for its dead time."""
    return RoleChanged(
        host=host,
        role=Role.SILENT,
        at=nanoseconds(at),
        cause=RoleCause.DEAD_TIME,
        last_heard=nanoseconds(last_heard),
    )


def yielded(host: Host, at: float, *, last_heard: float, to: Host, cause: RoleCause) -> RoleChanged:
    """Return that a host gave way to another."""
    return RoleChanged(
        host=host, role=Role.YIELDED, at=nanoseconds(at), cause=cause, last_heard=nanoseconds(last_heard), peer=to
    )


def left(host: Host, at: float) -> RoleChanged:
    """Return that a host said goodbye."""
    instant = nanoseconds(at)
    return RoleChanged(host=host, role=Role.LEFT, at=instant, cause=RoleCause.GOODBYE, last_heard=instant)


def moved(
    vhid: int,
    at: float,
    new: Host,
    *,
    old: Host | None = None,
    gap: float = 0,
    cause: FailoverCause = FailoverCause.FIRST_MASTER,
    announced: bool = True,
) -> Failover:
    """Return that the address has a new holder; ucarp announces in the same millisecond as it advertises."""
    return Failover(
        vhid=vhid,
        old=old,
        new=new,
        at=nanoseconds(at),
        gap=nanoseconds(gap),
        cause=cause,
        announced_at=nanoseconds(at) if announced else None,
    )


def alone(vhid: int, began_at: float, *, last_heard: float, silent_at: float) -> tuple[Sighting, ...]:
    """Return what is seen of a capture with one host: it begins, and the capture ends."""
    return (
        began(A, began_at),
        moved(vhid, began_at, A),
        fell_silent(A, silent_at, last_heard=last_heard),
    )


OBSERVED = (
    Observed(
        number="01",
        story="A starts alone, waits its 3 s, announces and advertises, each second, with random counters.",
        seen=alone(42, 3.042, last_heard=7.040, silent_at=10.040),
        announced=((3.042, None), (5.039, A)),
    ),
    Observed(
        number="02",
        story="A has advskew 100: an advertisement each 1.391 s, and a dead time of 3.390625 s.",
        seen=alone(1, 4.209, last_heard=8.381, silent_at=11.771625),
        announced=((4.209, None), (6.989, A)),
    ),
    Observed(
        number="03",
        story="A has advbase 2 and advskew 128, and the longest password: a dead time of 6.5 s.",
        seen=alone(255, 7.550, last_heard=12.548, silent_at=19.048),
        announced=((7.550, None), (12.548, A)),
    ),
    Observed(
        number="04",
        story="A has advbase 0 and advskew 64: four advertisements a second, a dead time of three of them.",
        seen=alone(12, 0.287, last_heard=2.030, silent_at=2.780),
        announced=((0.287, None), (0.783, A)),
    ),
    Observed(
        number="05",
        story="A has advskew 254: a dead time of 3.9921875 s.",
        seen=alone(7, 6.022, last_heard=8.012, silent_at=12.0041875),
        announced=((6.022, None),),
    ),
    Observed(
        number="06",
        story="A sends to the broadcast MAC, which is nothing to an observer.",
        seen=alone(9, 3.036, last_heard=5.034, silent_at=8.034),
        announced=((3.036, None), (5.034, A)),
    ),
    Observed(
        number="07",
        story="A sends to 239.192.7.9, which is nothing to an observer either.",
        seen=alone(10, 3.040, last_heard=5.037, silent_at=8.037),
        announced=((3.040, None), (5.037, A)),
    ),
    Observed(
        number="08",
        story="A's password is not ASCII.",
        seen=alone(33, 3.044, last_heard=4.041, silent_at=7.041),
        announced=((3.044, None),),
    ),
    Observed(
        number="09",
        story="A is master and B its invisible backup; A is killed, and B follows 3.988 s after A's last word.",
        seen=(
            began(A, 3.041),
            moved(20, 3.041, A),
            fell_silent(A, 9.038, last_heard=6.038),
            began(B, 10.026),
            moved(20, 10.026, B, old=A, gap=3.988, cause=FailoverCause.SILENCE),
            fell_silent(B, 16.022, last_heard=13.022),
        ),
        announced=((3.041, None), (5.038, A), (10.026, None), (12.022, B)),
    ),
    Observed(
        number="10",
        story="B (skew 10) preempts A (skew 50), which sends one last advertisement at 7.016 and would have sent "
        "its next at 8.211; half an interval of 1.1953125 s later it has yielded. B takes that last advertisement "
        "for a worse master's and announces twice more.",
        seen=(
            began(A, 3.624),
            moved(21, 3.624, A),
            began(B, 6.519),
            moved(21, 6.519, B, old=A, gap=0.505, cause=FailoverCause.PREEMPTION),
            yielded(A, 8.80896875, last_heard=7.016, to=B, cause=RoleCause.PREFERRED_MASTER),
            fell_silent(B, 13.7090625, last_heard=10.670),
        ),
        announced=((3.624, None), (6.014, A), (6.519, None), (7.516, B), (8.592, B)),
    ),
    Observed(
        number="11",
        story="A steps down on SIGUSR2 at 6.403 and says nothing; on the wire it looks as if it had been killed.",
        seen=(
            began(A, 3.040),
            moved(22, 3.040, A),
            fell_silent(A, 9.037, last_heard=6.037),
            began(B, 10.022),
            moved(22, 10.022, B, old=A, gap=3.985, cause=FailoverCause.SILENCE),
            fell_silent(B, 17.019, last_heard=14.019),
        ),
        announced=((3.040, None), (5.037, A), (10.022, None), (12.019, B)),
    ),
    Observed(
        number="12",
        story="A and B start together with equal settings, and both become master. B has the higher last octet: "
        "it sends one last advertisement at 4.012 and yields. A announces again for each of B's two "
        "advertisements, as late as it reads them, and once more later. The address never moves, and no two "
        "masters are reported.",
        seen=(
            began(A, 3.027),
            moved(23, 3.027, A),
            began(B, 3.027),
            yielded(B, 5.512, last_heard=4.012, to=A, cause=RoleCause.EQUAL_MASTER),
            fell_silent(A, 11.027, last_heard=8.027),
        ),
        announced=((3.027, None), (3.027, None), (4.012, A), (5.012, A), (6.027, A)),
    ),
    Observed(
        number="13",
        story="A is told to stop at 4.501 and says no goodbye, because ucarp never does.",
        seen=alone(24, 3.040, last_heard=4.037, silent_at=7.037),
        announced=((3.040, None),),
    ),
    Observed(
        number="14",
        story="A is the fork: it announces on taking over and after each of the next five advertisements.",
        seen=alone(40, 1.021, last_heard=9.018, silent_at=12.018),
        announced=((1.021, None), (2.018, A), (3.018, A), (4.019, A), (5.018, A), (6.017, A)),
    ),
    Observed(
        number="15",
        story="A is the fork, told to announce after two further advertisements.",
        seen=alone(41, 1.034, last_heard=6.031, silent_at=9.031),
        announced=((1.034, None), (2.031, A), (3.031, A)),
    ),
    Observed(
        number="16",
        story="A is the fork, told to announce only on taking over.",
        seen=alone(43, 1.038, last_heard=5.035, silent_at=8.035),
        announced=((1.038, None),),
    ),
    Observed(
        number="17",
        story="B plays an OpenBSD master: one counter, the same eight frames, and no announcement. When it stops, "
        "A (ucarp) follows.",
        seen=(
            began(B, 0.041),
            moved(60, 0.041, B, announced=False),
            fell_silent(B, 10.042, last_heard=7.042),
            began(A, 10.521),
            moved(60, 10.521, A, old=B, gap=3.479, cause=FailoverCause.SILENCE),
            fell_silent(A, 16.518, last_heard=13.518),
        ),
        announced=((10.521, None), (12.518, A)),
    ),
    Observed(
        number="18",
        story="B plays a BSD master that says goodbye; A (ucarp) follows as soon as it has read that.",
        seen=(
            began(B, 0.037),
            moved(61, 0.037, B, announced=False),
            left(B, 4.038),
            began(A, 4.326),
            moved(61, 4.326, A, old=B, gap=0.288, cause=FailoverCause.GOODBYE),
            fell_silent(A, 10.323, last_heard=7.323),
        ),
        announced=((4.326, None), (6.323, A)),
    ),
    Observed(
        number="19",
        story="B plays a demoted OpenBSD host with a better skew and sends a single advertisement. A (ucarp, skew "
        "100) ignores the demotion: it sends one last advertisement at 5.016, with a delayed announcement that it "
        "should not send, and yields to B, which is never heard again. Nobody is master in the end.",
        seen=(
            began(A, 2.819),
            moved(62, 2.819, A),
            began(B, 4.232),
            moved(62, 4.232, B, old=A, gap=0.021, cause=FailoverCause.PREEMPTION, announced=False),
            yielded(A, 7.1019375, last_heard=5.016, to=B, cause=RoleCause.PREFERRED_MASTER),
            fell_silent(B, 7.232, last_heard=4.232),
        ),
        announced=((2.819, None), (5.016, A)),
    ),
)
