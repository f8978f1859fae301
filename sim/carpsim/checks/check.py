"""What all checks have in common."""

from typing import ClassVar

from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import Bound, OnUcarp, Verdict
from carpsim.client import Answer, Client
from carpsim.host import Machine
from triocarp.core import Effect, IPAddress, State


class Check:
    """A promise about a world, checked while the world runs. Each check overrides what it needs to see.

    Args:
        situation: of the world.

    Attributes:
        NAME: what it is called in scenario files and verdicts.
        PROMISE: what it promises, in one sentence.
        FORMULA: its bound, in words.
        ON_UCARP: what it means for a host with ucarp.
    """

    NAME: ClassVar[str]
    PROMISE: ClassVar[str]
    FORMULA: ClassVar[str]
    ON_UCARP: ClassVar[OnUcarp]

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.engine = situation.world.engine
        self._judged = 0
        self._margin: int | None = None
        self._formula = ""
        self._violated_at: int | None = None
        self._sentence = ""

    # What a check can see.

    def entered(self, member: Member, old: State) -> None:
        """Take note of a virtual host's new state.

        Args:
            member: which; its state is the new one.
            old: the state before.
        """

    def asked(self, member: Member, effect: Effect) -> None:
        """Take note of an advertisement or an announcement that a node asks for.

        Args:
            member: whose; its state is the one in which it asks.
            effect: it.
        """

    def held(self, member: Member, address: IPAddress, *, present: bool) -> None:
        """Take note of a virtual address that came or went.

        Args:
            member: whose.
            address: which.
            present: whether it is there now.
        """

    def failed(self, member: Member, effect: Effect) -> None:
        """Take note of an effect that failed.

        Args:
            member: whose.
            effect: which.
        """

    def advertised(self, member: Member) -> None:
        """Take note of an advertisement that leaves a host with ucarp, which nobody was asked for.

        Args:
            member: whose.
        """

    def said_goodbye(self, member: Member) -> None:
        """Take note of a goodbye that leaves a host.

        Args:
            member: whose.
        """

    def announced(self, member: Member, address: IPAddress) -> None:
        """Take note of an announcement that leaves a host.

        Args:
            member: whose.
            address: which.
        """

    def process_changed(self, host: Machine) -> None:
        """Take note of a daemon that started, ended, stood still or went on.

        Args:
            host: whose.
        """

    def disturbed(self) -> None:
        """Take note that a fault happened or ended, or a process changed: who hears whom may be different now."""

    def answered(self, client: Client, answer: Answer) -> None:
        """Take note of an answer.

        Args:
            client: who got it.
            answer: it.
        """

    def finish(self) -> None:
        """Take note that the run is over."""

    # What it says.

    def judge(self, bound: Bound | str, margin: int | None) -> None:
        """Take note of a case in which the promise was kept.

        Args:
            bound: that held.
            margin: nanoseconds that were left; None if nothing was measured.
        """
        self._judged += 1
        if self._violated_at is None and (
            not self._formula or (margin is not None and (self._margin is None or margin < self._margin))
        ):
            self._margin, self._formula = margin, str(bound)

    def violate(self, bound: Bound | str, sentence: str) -> None:
        """Take note of a violation; only the first one counts.

        Args:
            bound: that did not hold.
            sentence: what happened.
        """
        self._judged += 1
        if self._violated_at is None:
            self._violated_at, self._sentence, self._formula = self.engine.now, sentence, str(bound)
            self._margin = None

    def verdict(self) -> Verdict:
        """Return what was found so far."""
        return Verdict(
            check=self.NAME,
            held=self._violated_at is None,
            judged=self._judged,
            formula=self._formula or self.FORMULA,
            margin=self._margin,
            at=self._violated_at,
            sentence=self._sentence,
            on_ucarp=self.ON_UCARP if self.situation.has_ucarp else None,
        )
