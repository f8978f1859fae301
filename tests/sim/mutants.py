"""Cores and kernels that are broken on purpose, each in one small way that a check must notice.

Each mutant changes one method while a test runs. What is changed is private: a mutant is no public thing.
"""

# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false
# ruff: noqa: ARG001, ARG005, ANN401 - what stands in for a method has its signature, used or not

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from carpsim.host_network import HostNetwork
from triocarp.core import Announce, Effect, HoldAddresses, ReleaseAddresses, RenewAddresses, Runner, Saying, State
from triocarp.core.hearing import Hearing
from triocarp.core.listening import Listening, MasterDown
from triocarp.core.mastership import Mastership
from triocarp.core.preference import Preference
from triocarp.core.timing import SECOND

Mutant: TypeAlias = Callable[[pytest.MonkeyPatch], None]
"""Breaks something until the test ends."""


def _around_effects(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[tuple[Effect, ...]], tuple[Effect, ...]]
) -> None:
    """Change what a runner carries out; what the node said is shown to watchers as it was."""
    carry_out = Runner._carry_out

    def changed(self: Runner, effects: tuple[Effect, ...], decided_at: int) -> Any:
        return carry_out(self, change(effects), decided_at)

    monkeypatch.setattr(Runner, "_carry_out", changed)


def goodbye_before_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames go out before the addresses are taken off."""
    _around_effects(
        monkeypatch,
        lambda effects: tuple(sorted(effects, key=lambda effect: isinstance(effect, ReleaseAddresses))),
    )


def never_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner forgets to take addresses off."""
    _around_effects(
        monkeypatch,
        lambda effects: tuple(effect for effect in effects if not isinstance(effect, ReleaseAddresses)),
    )


def never_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leases of a master end."""
    _around_effects(
        monkeypatch, lambda effects: tuple(effect for effect in effects if not isinstance(effect, RenewAddresses))
    )


def leases_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is asked to hold the addresses for an hour."""

    def lengthen(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        return tuple(
            replace(effect, lease_s=3600) if isinstance(effect, HoldAddresses | RenewAddresses) else effect
            for effect in effects
        )

    _around_effects(monkeypatch, lengthen)


def kernel_keeps_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel withdraws addresses two seconds later than it does."""
    end_of = HostNetwork._end_of
    monkeypatch.setattr(HostNetwork, "_end_of", lambda self, lease_s: end_of(self, lease_s + 2))


def never_announces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new master takes the address in silence."""
    monkeypatch.setattr(Mastership, "_send_announcements", lambda self, only=None: None)


def announces_as_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup announces the address at each advertisement that it hears."""
    compare = Hearing._compare_as_backup

    def and_announce(self: Hearing, *arguments: Any) -> None:
        compare(self, *arguments)
        if self._mastership.state is State.BACKUP:
            self._outbox.add(*self._speech.announcements)

    monkeypatch.setattr(Hearing, "_compare_as_backup", and_announce)


def advertises_as_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup answers each advertisement with one of its own."""
    compare = Hearing._compare_as_backup

    def and_say(self: Hearing, *arguments: Any) -> None:
        compare(self, *arguments)
        if self._mastership.state is State.BACKUP:
            self._mastership._say(Saying.REGULAR, arguments[-1])

    monkeypatch.setattr(Hearing, "_compare_as_backup", and_say)


def never_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A master does not listen to a better one."""
    monkeypatch.setattr(Hearing, "_compare_as_master", lambda self, *arguments: None)


def yields_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A master yields to the second of two better advertisements."""
    compare = Hearing._compare_as_master
    heard: dict[Hearing, int] = {}

    def second(self: Hearing, *arguments: Any) -> None:
        heard[self] = heard.get(self, 0) + 1
        if heard[self] > 1:
            compare(self, *arguments)

    monkeypatch.setattr(Hearing, "_compare_as_master", second)


def never_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead timer of a backup that has heard a master never fires."""

    def wait_on(self: Listening, *arguments: Any) -> MasterDown | None:
        if self.peer is None:
            return miss(self, *arguments)
        return None

    miss = Listening.miss
    monkeypatch.setattr(Listening, "miss", wait_on)


def never_preempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that shall preempt does not."""
    monkeypatch.setattr(Hearing, "_may_preempt", lambda self, now: False)


def preempts_its_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup takes over from a better master, yields, and takes over again."""

    def worse(self: Hearing, now: int) -> bool:
        return True

    monkeypatch.setattr(Hearing, "_may_preempt", worse)
    monkeypatch.setattr(Listening, "follows_another", lambda self, *arguments: False)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup takes over after half an interval."""

    def short(self: Listening, interval: int, preference: Preference) -> int:
        return interval // 2

    monkeypatch.setattr(Listening, "_patience", short)


def believes_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup preempts a former master though it hears a better one: what the last word of that brings about."""
    monkeypatch.setattr(Listening, "follows_another", lambda self, *arguments: False)


def holds_as_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup takes the address when it starts to listen."""
    enter = Mastership.enter

    def and_hold(self: Mastership, *arguments: Any, **words: Any) -> None:
        enter(self, *arguments, **words)
        if self.state is State.BACKUP:
            self._addresses.hold(SECOND, 0)

    monkeypatch.setattr(Mastership, "enter", and_hold)


def announces_another_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """An announcement names a MAC that nobody has."""

    def lie(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        return tuple(
            replace(effect, frame=effect.frame[:22] + b"\x02\xff\x00\x00\x00\x01" + effect.frame[28:])
            if isinstance(effect, Announce)
            else effect
            for effect in effects
        )

    _around_effects(monkeypatch, lie)
