"""Of what one virtual host is made: the pieces that each keep one small promise, put together once."""

import random
from typing import final

from triocarp.core.address_keeping import AddressKeeping
from triocarp.core.announcement_schedule import AnnouncementSchedule
from triocarp.core.authentication import Keyring
from triocarp.core.back_off import BackOff
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.demotion import Demotion
from triocarp.core.effects import Hook
from triocarp.core.flap_damping import FlapDamper
from triocarp.core.hold_down import HoldDown
from triocarp.core.hook_sequence import HookSequence
from triocarp.core.listening import Listening
from triocarp.core.outbox import Outbox
from triocarp.core.own_standing import OwnStanding
from triocarp.core.peer_watch import PeerWatch
from triocarp.core.receiver import Receiver
from triocarp.core.sealed_counter import CounterSeal
from triocarp.core.send_errors import SendErrors
from triocarp.core.speech import Speech
from triocarp.core.statistics import Statistics
from triocarp.core.timer_table import TimerTable
from triocarp.core.wakefulness import Wakefulness


@final
class Parts:
    """The pieces of one virtual host; what each does stands with its class.

    Args:
        config: of the virtual host.
        demotion: of its failover group.
        rng: gives the counter's first value.
    """

    __slots__ = (
        "addresses",
        "announcing",
        "back_off",
        "config",
        "damper",
        "demotion",
        "hold_down",
        "hooks",
        "listening",
        "outbox",
        "own",
        "receiver",
        "send_errors",
        "speech",
        "statistics",
        "timers",
        "wakefulness",
        "watch",
    )

    def __init__(self, config: VirtualHostConfig, demotion: Demotion, rng: random.Random) -> None:
        self.config = config
        self.demotion = demotion
        self.statistics = Statistics()
        self.own = OwnStanding(config, demotion)
        addresses = tuple(address.ip for address in config.addresses)
        keyring = Keyring(config.passwords, config.vhid, addresses, config.dialect, config.link_layer_address)
        seals = tuple(CounterSeal(password) for password in config.passwords)
        self.receiver = Receiver(config, keyring, seals)
        self.speech = Speech(config, keyring, seals[0], self.receiver.take_note_of_own, rng)
        hooks = {hook for hook, exists in ((Hook.UP, config.up_hook), (Hook.DOWN, config.down_hook)) if exists}
        self.hooks = HookSequence(hooks, done=Hook.DOWN if config.neutral else None)
        self.timers = TimerTable()
        self.outbox = Outbox(config)
        self.addresses = AddressKeeping(config, self.outbox, self.timers)
        self.watch = PeerWatch(self.outbox, self.statistics, config.dead_ratio)
        self.hold_down = HoldDown()
        self.listening = Listening(config, self.outbox, self.statistics, self.timers, self.hold_down)
        self.announcing = AnnouncementSchedule(config.announce_after, config.announce_refresh)
        self.send_errors = SendErrors(len(config.destinations))
        self.back_off = BackOff()
        self.wakefulness = Wakefulness(config.seal_window)
        self.damper = FlapDamper(config.flap_damping)
