"""Nothing is said, and no address is had, outside MASTER."""

from typing import ClassVar, final

from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import OnUcarp
from triocarp.core import Announce, Effect, IPAddress, Saying, SendAdvertisement, State


@final
class SilentOutsideMaster(Check):
    """A virtual host advertises, announces and takes addresses only while it is master.

    Two words are allowed after each time that it was master: one last advertisement to each destination where the
    dialect has that, and one goodbye to each. There is no time in this: what is asked for is judged in the state
    in which the node asks for it, and an address that a daemon's kernel gets, in the state that was reported
    last. What another program puts on an interface is `no-orphan`'s matter.
    """

    NAME: ClassVar = "silent-outside-master"
    PROMISE: ClassVar = "no advertisement, announcement or address outside MASTER"
    FORMULA: ClassVar = "none; after MASTER one last advertisement and one goodbye to each destination"
    ON_UCARP: ClassVar = OnUcarp(
        judges=True,
        sentence="what leaves it is judged in the state that it has then, and its address by no-orphan",
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._words: dict[tuple[Member, Saying], int] = {}

    def entered(self, member: Member, old: State) -> None:
        """Allow the parting words of a master; see `Check`."""
        if old is State.MASTER:
            destinations = len(member.config.destinations)
            last = member.config.dialect.last_advertisement_on_yield
            self._words[member, Saying.LAST] = destinations if last else 0
            concedes = member.config.dialect.concedes_tie
            self._words[member, Saying.CONCESSION] = destinations if concedes else 0
            self._words[member, Saying.GOODBYE] = destinations

    def asked(self, member: Member, effect: Effect) -> None:
        """Judge what a node asks for; see `Check`."""
        if member.state is State.MASTER and not (
            isinstance(effect, SendAdvertisement) and effect.saying is not Saying.REGULAR
        ):
            self._judged += 1
            return
        match effect:
            case SendAdvertisement(saying=saying) if (
                saying is not Saying.REGULAR and member.state is not State.MASTER
            ):
                left = self._words.get((member, saying), 0)
                self._words[member, saying] = left - 1
                if left > 0:
                    self.judge(self.FORMULA, None)
                else:
                    self.violate(
                        self.FORMULA, f"{member.host.name} says {saying.value} more often than it left mastership"
                    )
            case SendAdvertisement(saying=saying):
                self.violate(
                    self.FORMULA, f"{member.host.name} says {saying.value} in the state {member.state.value}"
                )
            case Announce(address=address):
                self.violate(
                    self.FORMULA, f"{member.host.name} announces {address.ip} in the state {member.state.value}"
                )
            case _:
                pass

    def advertised(self, member: Member) -> None:
        """Judge what a ucarp sends; see `Check`."""
        self._judge_ucarp(member, "advertises")

    def announced(self, member: Member, address: IPAddress) -> None:
        """Judge what a ucarp sends; of a carpd, what it asks for is judged; see `Check`."""
        if member.runs_ucarp:
            self._judge_ucarp(member, f"announces {address}")

    def _judge_ucarp(self, member: Member, does: str) -> None:
        if member.state is State.MASTER:
            self._judged += 1
        else:
            self.violate(self.FORMULA, f"{member.host.name} {does} in the state {member.state.value}")

    def failed(self, member: Member, effect: Effect) -> None:
        """Allow what was not sent to be said again; see `Check`."""
        if isinstance(effect, SendAdvertisement) and (member, effect.saying) in self._words:
            self._words[member, effect.saying] += 1

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:
        """Judge an address that a kernel got from its daemon; see `Check`."""
        if not present or not member.has_leased(address):
            return
        if member.active and member.state is not State.MASTER:
            self.violate(self.FORMULA, f"{member.host.name} takes {address} in the state {member.state.value}")
        else:
            self.judge(self.FORMULA, None)
