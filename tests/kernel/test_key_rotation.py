from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, virtual_host
from triocarp.lab import clock
from triocarp.linux.wall_clock import is_synchronised

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, Setting
    from tests.kernel.daemons import Carpd
    from triocarp.lab import Holders, Host

pytestmark = pytest.mark.kernel

OLD, NEW = {"password": "the old one"}, {"password": "the new one"}
BOTH_OLD_SIGNS = {**OLD, "other_password": "the new one"}
BOTH_NEW_SIGNS = {**NEW, "other_password": "the old one"}
INCOMPLETE = r"a host signs with the other password: its change is not complete"


PLAIN: dict[str, Setting] = {}
SEALED: dict[str, Setting] = {"sealing": "enforce", "seal_window_s": 0.5}


class Pair:
    """Two hosts of which one is master, and which are given other settings one at a time."""

    def __init__(
        self, stage: ConfiguredStage, one: Host, two: Host, holders: Holders, sealing: dict[str, Setting]
    ) -> None:
        """Start both with the old password.

        Args:
            stage: where.
            one: will be master.
            two: will be backup.
            holders: watches who has the address.
            sealing: more settings of both.
        """
        self._stage = stage
        self._holders = holders
        self._sealing = sealing
        # Who has just started believes its master after a window of half a second, which is five advertisements.
        self._rounds = 12 if sealing else 5
        self._daemons = {one: stage.master(one, virtual_host(**OLD, **sealing))}
        self._daemons[two] = stage.ready(two, virtual_host(**OLD, **sealing, dead_ratio=PATIENT))
        self._master, self._backup = one, two

    def roll_out(self, settings: dict[str, str]) -> tuple[Carpd, Carpd]:
        """Restart the backup and then the master with other settings; the backup takes over at the goodbye.

        Returns:
            The restarted daemons: the new master's, and the new backup's.
        """
        stage, old, new = self._stage, self._master, self._backup
        group = virtual_host(**settings, **self._sealing, dead_ratio=PATIENT)
        assert self._daemons[new].stop() == 0
        backup = stage.ready(new, group)
        self._wait_for_rounds(old)
        assert self._daemons[old].stop() == 0
        self._holders.wait_until_holder(new, timeout_s=20)
        restarted = stage.ready(old, group)
        self._wait_for_rounds(new)
        self._daemons = {new: backup, old: restarted}
        self._master, self._backup = new, old
        return backup, restarted

    def _wait_for_rounds(self, master: Host) -> None:
        self._stage.wire.wait_for_advertisement(master, since=clock.now(), count=self._rounds)


@pytest.mark.parametrize("sealing", [PLAIN, SEALED], ids=["off", "enforce"])
def test_a_password_is_replaced_without_an_outage(stage: ConfiguredStage, sealing: dict[str, Setting]) -> None:
    """Accept both, sign with the new one, forget the old one: one host after the other, while a client asks.

    No takeover but those by a goodbye, never two masters; and who hears a host that is not changed yet says so.
    """
    one, two, client = stage.hosts("one", "two", "client")
    holders = stage.holders(one, two)
    pair = Pair(stage, one, two, holders, sealing)
    probe = stage.probe(client)
    probe.wait_for_reply(timeout_s=20)

    accepting = pair.roll_out(BOTH_OLD_SIGNS)
    signing_backup, signing = pair.roll_out(BOTH_NEW_SIGNS)
    # It was the first to sign with the new one, and heard the old one of the master that was left to change.
    signing_backup.wait_for_log(INCOMPLETE)
    done = pair.roll_out(NEW)

    # The client's outages, if any, are those of a goodbye, with a dead time of 3 s behind each.
    assert all(outage.duration_ns < clock.SECOND for outage in probe.outages())
    assert holders.overlap_ns(0, clock.now()) == 0
    assert all("MASTER - no valid advertisement" not in daemon.log for daemon in (*accepting, signing, *done))
    # The others heard only what they sign with themselves, or were told to expect.
    assert all(INCOMPLETE not in daemon.log for daemon in (*accepting, signing, *done))
    goodbyes = [heard for heard in stage.wire.advertisements() if heard.advertisement.is_goodbye]
    assert [heard.host for heard in goodbyes] == ["one", "two", "one"]


def test_a_password_that_is_replaced_at_once_makes_two_masters(stage: ConfiguredStage) -> None:
    """Without the steps between, as a proof that they are needed: each drops what the other says."""
    one, two = stage.hosts("one", "two")
    holders = stage.holders(one, two)
    stage.master(one, virtual_host(**OLD))
    second = stage.ready(two, virtual_host(**NEW))
    holders.wait_until_holder(one, two, timeout_s=20)

    second.wait_for_log(r"rejected in that time for a bad HMAC")


def test_a_host_that_enforces_seals_says_when_it_takes_over_first(stage: ConfiguredStage) -> None:
    """After two windows and the dead time; and it warns of a clock for which the kernel does not vouch."""
    (one,) = stage.hosts("one")
    daemon = stage.master(one, virtual_host(**OLD, **SEALED))

    assert "takeover after 1.625 s, 2.625 s at the start" in daemon.log
    assert ("the kernel does not call the clock synchronised" in daemon.log) == (not is_synchronised())
