"""A simulated host on which ucarp 1.5.2 runs: its messages, its timing and its habits, and not its code.

What it does was measured on the real one, and the tests in ``tests/peers`` compare both. Next to carpd, it

- reads late: its capture library hands frames over once a second, counted from the start of the process;
- rounds: as backup it looks at its dead timer only when it has read a frame, or slept a whole interval;
- stands still while a script runs, and for three seconds after SIGUSR2;
- notices a lost link between two sleeps, looks again every ten seconds, and does not even end before it is back;
- says no goodbye, and keeps the address without a lease: killed, or stopped without ``-z``, it leaves it there;
- continues the counter of whom it hears, and draws a random one for each advertisement before;
- lives on the wall clock, so that a step of it moves its timers.

It differs from the real one where nothing depends on it: a frame of another type or with two checksum errors
that cancel each other is dropped here, and accepted there.
"""

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, TypeAlias, final

from carpsim.clock import HostClock
from carpsim.distribution import Distribution, Uniform
from carpsim.engine import Alarm, Engine
from carpsim.host import Script, Watcher
from carpsim.host_network import HostNetwork, Interface
from carpsim.randomness import chance, stream, uniform
from triocarp.core import (
    CARP_GROUP,
    UCARP,
    AddressChanged,
    Advertisement,
    Authenticator,
    EffectFailed,
    Event,
    Hook,
    IPInterface,
    Link,
    LinkChanged,
    PacketReceived,
    PacketUnreadable,
    PortError,
    State,
    SwitchOverRequested,
    covered_addresses,
)
from triocarp.core.advertisement import COUNTER_MODULUS, LENGTH, MalformedAdvertisementError, parse
from triocarp.core.dialect import VIRTUAL_MAC_PREFIXES
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_IPV4, ethernet_header, gratuitous_arp, multicast_mac
from triocarp.core.ipv4 import TTL, header
from triocarp.core.timing import SECOND, advertisement_interval

MILLISECOND: Final = 1_000_000

READING_PERIOD: Final = SECOND
"""From one reading of frames to the next."""

READING_JITTER: Final = 4 * MILLISECOND
"""How late a reading is at most: one tick of a kernel that counts 250 in a second."""

LAUNCH: Final = Uniform(4 * MILLISECOND, 12 * MILLISECOND)
"""From the start of the process to its capture."""

SETUP: Final = Uniform(18 * MILLISECOND, 30 * MILLISECOND)
"""From its capture to its first state: it joins the group, and draws random numbers."""

WAKE_UP: Final = Uniform(10_000, 150_000)
"""How late a sleep ends."""

SCRIPT: Final = Script(duration=Uniform(2 * MILLISECOND, 6 * MILLISECOND))
"""A script that runs ``ip address``."""

REAPING: Final = Uniform(300_000, 2 * MILLISECOND)
"""From what a script does to the end of the script, as its parent sees it."""

LINK_LOSS_SLEEP: Final = 10 * SECOND
SWITCH_OVER_SLEEP: Final = 3 * SECOND

_PASSWORD_LENGTH_MAX: Final = 19
_SKEW_IN_INTERVAL: Final = 256
_SUPPRESSED_SKEW: Final = 240
_ERRORS_MAX: Final = 3
_SILENT: Final = 255  # advbase and advskew with which it arms no timer
_DELAYED_ANNOUNCEMENT: Final = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UcarpOptions:
    """The command line of a ucarp; what is not given is as ucarp has it.

    Attributes:
        vhid: virtual host, 1 to 255 (``-v``).
        password: 1 to 19 bytes (``-p``).
        address: the virtual address (``-a``).
        source: its own address (``-s``).
        prefix_length: with which the scripts put the address on the interface (``-x``).
        interface: its name (``-i``).
        advbase_s: seconds between advertisements, 0 to 255 (``-b``).
        advskew: 1/256 seconds more, 0 to 255 (``-k``).
        dead_ratio: of the dead time to advbase, 1 or more (``-r``).
        preempt: whether it takes over from a worse master (``-P``).
        neutral: whether it does not run the down script at the start (``-n``).
        shutdown: whether SIGTERM makes it run the down script, instead of ending at once (``-z``).
        ignore_link_state: whether it does not mind a link without carrier (``-S``).
        no_multicast: whether it sends to the broadcast MAC and joins no group (``-M``).
        group: to which it sends, and from which alone it takes (``--mcastip``).
        garp_timeout: of the container image's fork, which announces again after each of so many advertisements
            (``-g``); None for ucarp itself, which announces again after the third.

    Raises:
        ValueError: for what ucarp refuses.
    """

    vhid: int
    password: bytes = field(repr=False)
    address: IPv4Address
    source: IPv4Address
    prefix_length: int = 32
    interface: str = "eth0"
    advbase_s: int = 1
    advskew: int = 0
    dead_ratio: int = 3
    preempt: bool = False
    neutral: bool = False
    shutdown: bool = False
    ignore_link_state: bool = False
    no_multicast: bool = False
    group: IPv4Address = CARP_GROUP
    garp_timeout: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.vhid <= 255:  # noqa: PLR2004 - a byte
            raise ValueError(f"ucarp's vhid must be 1 to 255, not {self.vhid}")
        if not 1 <= len(self.password) <= _PASSWORD_LENGTH_MAX:
            raise ValueError(f"ucarp's password must have 1 to 19 bytes, not {len(self.password)}")
        if not (0 <= self.advbase_s <= _SILENT and 0 <= self.advskew <= _SILENT and self.advbase_s + self.advskew):
            raise ValueError("ucarp's advbase and advskew must be 0 to 255, and one of them more than 0")
        if self.dead_ratio < 1:
            raise ValueError(f"ucarp's dead ratio must be 1 or more, not {self.dead_ratio}")

    @property
    def held(self) -> IPv4Interface:
        """The virtual address as the scripts put it on the interface."""
        return IPv4Interface((self.address, self.prefix_length))


@final
@dataclass(frozen=True, slots=True)
class _Wait:
    """What the process does between two steps.

    Attributes:
        duration: nanoseconds of its host's clock.
        for_signals: whether a signal ends it, as it does a sleep, but not the running of a script.
        for_frames: whether frames, and the loss of the interface, end it: poll(2).
    """

    duration: int
    for_signals: bool = False
    for_frames: bool = False


_NOT_WAITING: Final = _Wait(0)

_Process: TypeAlias = Generator[_Wait, None, None]


@final
class UcarpHost:
    """One simulated machine with a ucarp; a `carpsim.host.Machine`.

    Args:
        engine: of the world.
        name: no two hosts of a world have the same.
        options: its command line.
        seed: of the run.
        clock: its clock; the world's by default.
        wall_offset: nanoseconds from its clock to what its wall clock says; None counts as 0.
        scripts: how its scripts behave: those of `Hook.UP` and `Hook.DOWN`.
        wake_up: how late its sleeps end.
        watchers: see what happens.

    Attributes:
        name: its name.
        network: its kernel.
        options: its command line; it counts from the next start if it is changed.
        scripts: how its scripts behave.
        wake_up: how late its sleeps end.
        clock: its clock.
        wall_offset: nanoseconds from its clock to its wall clock.
        runs: number of starts.
        state: of its virtual host; None while it does not run.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        options: UcarpOptions,
        seed: int = 0,
        clock: HostClock | None = None,
        wall_offset: int | None = 0,
        scripts: Mapping[Hook, Script] | None = None,
        wake_up: Distribution = WAKE_UP,
        watchers: tuple[Watcher, ...] = (),
    ) -> None:
        self.name = name
        self.options = options
        self.clock = clock or HostClock()
        self.wall_offset = wall_offset
        self.scripts = {Hook.UP: SCRIPT, Hook.DOWN: SCRIPT, **(scripts or {})}
        self.wake_up = wake_up
        self.runs = 0
        self.state: State | None = None
        self.network = HostNetwork(engine, name=name, seed=seed, observe=self._note_link, note=self._note_address)
        self._engine = engine
        self._watchers = watchers
        self._rng = stream(seed, "ucarp", name, "counter")
        self._script_rng = stream(seed, "ucarp", name, "scripts")
        self._timing_rng = stream(seed, "ucarp", name, "timing")
        self._reading_rng = stream(seed, "ucarp", name, "reading")
        self._alarm = Alarm(engine, self._wake)
        self._process: _Process | None = None
        self._wait = _NOT_WAITING
        self._is_due = False
        self._paused = 0
        self._start_is_due = False
        self._boots = 0
        self._after_thaw: list[tuple[int, Hook]] = []
        self._block: list[PacketReceived | PacketUnreadable] = []
        self._ready: deque[PacketReceived | PacketUnreadable] = deque()
        self._signals: deque[str] = deque()
        self._opened = 0
        self._forget()

    def _forget(self) -> None:
        """Set what a process that has just started knows."""
        options = self.options
        covered = covered_addresses((options.address,))
        self._authenticator = Authenticator(options.password, options.vhid, covered)
        self._counter: int | None = None
        self._dead_at: int | None = None
        self._advertise_at: int | None = None
        self._announcements_left = 0
        self._errors = self._successes = self._suppressed = 0
        self._block.clear()
        self._ready.clear()
        self._signals.clear()
        self._is_due = False
        self._wait = _NOT_WAITING

    # Looking.

    @property
    def running(self) -> bool:
        """Whether the process runs, or would if it were not paused."""
        return self._process is not None

    @property
    def paused(self) -> bool:
        """Whether the process stands still."""
        return self._paused > 0

    # The life of the process.

    def start(self) -> None:
        """Start the process. It must not run."""
        if self._process is not None:
            raise ValueError(f"the ucarp of {self.name} runs already")
        self.runs += 1
        self._forget()
        self._process = self._live()
        self.network.watch(self.options.interface, ())
        self._tell_process()
        self._step()

    def start_if_ended(self) -> None:
        """Start the process, unless it has not ended yet; where everything stands still, when that ends."""
        self._start_is_due = self.paused
        if self._process is None and not self.paused:
            self.start()

    def stop(self) -> None:
        """Send SIGTERM."""
        if self.options.shutdown:
            self._signal("TERM")
        else:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL. The kernel keeps the address, and a script that runs goes on."""
        self._end()
        self._tell_process()

    def power_off(self) -> None:
        """End the whole machine: its link goes down, and the virtual address is forgotten."""
        self._boots += 1
        self._end()
        if self._interface is not None:
            self.network.take_address(self.options.interface, self.options.held)
        self.network.power_off()
        self._tell_process()

    def power_on(self) -> None:
        """Start the machine, with its link as it was, and ucarp."""
        self.network.power_on()
        self.start_if_ended()

    def tell(self, event: Event) -> None:
        """Do what an operator asks for; a ucarp knows of nothing but `SwitchOverRequested`, which is SIGUSR2.

        Args:
            event: what is asked for.

        Raises:
            ValueError: for anything else.
        """
        if not isinstance(event, SwitchOverRequested):
            raise ValueError(f"{self.name} runs ucarp, which knows nothing of {type(event).__name__}")  # noqa: TRY004
        self._signal("USR2")

    def _end(self) -> None:
        self._process = None
        self._alarm.set(None)
        self.network.listen = None
        self._block.clear()
        self._switch(None)

    # Its standing still.

    def pause(self, *, kernel: bool = False) -> None:
        """Let the process stand still; see `carpsim.host.Host.pause`.

        Args:
            kernel: whether the kernel stands still as well.
        """
        self._paused += 1
        if kernel:
            self.network.frozen = True
        self._tell_process()

    def resume(self) -> None:
        """Undo a `pause`."""
        self._paused -= 1
        if self._paused:
            return
        if self.network.frozen:
            self.network.thaw()
            finished, self._after_thaw = self._after_thaw, []
            for boot, hook in finished:
                self._finish_script(boot, hook)
            self._hand_over(self.runs)
        self._tell_process()
        if self._is_due:
            self._step()
        if self._start_is_due:
            self.start_if_ended()

    def set_drift(self, drift_ppm: int) -> None:
        """Let the clock go faster or slower from now on; a sleep that has begun is not changed.

        Args:
            drift_ppm: millionths faster than the world.
        """
        self.clock.set_drift(drift_ppm, self._engine.now)

    def step_wall_clock(self, by: int) -> None:
        """Set the wall clock, and so move all timers the other way.

        Args:
            by: nanoseconds; less than 0 to set it back.
        """
        self.wall_offset = (self.wall_offset or 0) + by

    # The process: what it does, in its order. What it yields is how long it waits.

    def _live(self) -> _Process:
        yield _Wait(LAUNCH.draw(self._timing_rng))
        if self._link in {Link.DOWN, Link.ABSENT}:
            return
        self._opened = self._engine.now
        self.network.listen = self._capture
        yield _Wait(SETUP.draw(self._timing_rng))
        self._switch(State.INIT)
        self._switch(State.BACKUP)
        if not self.options.neutral:
            yield from self._run_script(Hook.DOWN)
        self._start_dead_timer()
        yield from self._serve()
        if self.options.shutdown and self.state is State.MASTER:
            yield from self._run_script(Hook.DOWN)

    def _serve(self) -> _Process:
        """Do what it does until it is asked to end, or its interface is lost."""
        while not self._is_interface_lost and "TERM" not in self._signals:
            if self._link is Link.NO_CARRIER and not self.options.ignore_link_state:
                yield from self._await_carrier()
            if not (self._ready or self._signals or self._is_interface_lost):
                yield _Wait(self._sleep, for_signals=True, for_frames=True)
            if self._is_interface_lost:
                return
            if self._ready:
                yield from self._hear(self._ready.popleft())
            yield from self._look_at_timers()
            if "USR2" in self._signals:
                self._signals.remove("USR2")
                yield from self._switch_over()

    def _look_at_timers(self) -> _Process:
        now = self._wall
        if self.state is State.MASTER:
            if self._advertise_at is not None and now >= self._advertise_at:
                self._advertise(now)
        elif self._dead_at is not None and now >= self._dead_at:
            yield from self._become_master()

    def _become_master(self) -> _Process:
        began = self._wall  # the timer counts from here, however long the script takes
        self._switch(State.MASTER)
        yield from self._run_script(Hook.UP)
        self._announce()
        self._advertise(began)
        self._announcements_left = self._further_announcements
        if self._advertise_at is not None:
            options = self.options
            self._advertise_at = began + advertisement_interval(options.advbase_s, options.advskew)

    def _become_backup(self) -> _Process:
        self._advertise_at = None
        self._switch(State.BACKUP)
        yield from self._run_script(Hook.DOWN)

    def _switch_over(self) -> _Process:
        if self.state is State.MASTER:
            yield from self._become_backup()
            yield _Wait(SWITCH_OVER_SLEEP, for_signals=True)
            self._start_dead_timer()

    def _await_carrier(self) -> _Process:
        if self.state is State.MASTER:
            yield from self._become_backup()
        while self._link is Link.NO_CARRIER:
            yield _Wait(LINK_LOSS_SLEEP, for_signals=True)
        self._start_dead_timer()

    def _hear(self, packet: PacketReceived | PacketUnreadable) -> _Process:
        heard = self._read(packet)
        if heard is None:
            return
        source, advertisement = heard
        options = self.options
        self._counter = advertisement.counter
        theirs = advertisement.advbase_s, advertisement.advskew
        ours = options.advbase_s, self.effective_skew
        if self.state is State.MASTER:
            # The same settings: the address decides, whose last octet is the first one of a little-endian machine.
            is_lower = source.packed[::-1] < options.source.packed[::-1]
            if theirs < ours or (theirs == ours and is_lower):
                self._advertise(self._wall)
                yield from self._become_backup()
                self._start_dead_timer()
            else:
                self._announce()
                self._announcements_left = self._further_announcements
        elif (options.preempt and theirs > ours) or theirs > (
            options.dead_ratio * options.advbase_s,
            options.advskew,
        ):
            yield from self._become_master()
        else:
            self._start_dead_timer()

    def _run_script(self, hook: Hook) -> _Process:
        """Run a script, whose end the process waits for."""
        duration = self.scripts[hook].duration.draw(self._script_rng)
        if not chance(self._script_rng, self.scripts[hook].failure):
            end = self.clock.instant(self.clock.read(self._engine.now) + duration)
            self._engine.at(end, self._finish_script, self._boots, hook)
        yield _Wait(duration + REAPING.draw(self._timing_rng))

    # What it reads, and when.

    def _capture(self, packet: PacketReceived | PacketUnreadable) -> None:
        """Take a frame into the block of the capture library, which hands it over when its second is over."""
        if packet.source == self.options.source:
            return
        self._block.append(packet)
        if len(self._block) == 1:
            periods = (self._engine.now - self._opened) // READING_PERIOD + 1
            jitter = uniform(self._reading_rng, 0, READING_JITTER)
            self._engine.at(self._opened + periods * READING_PERIOD + jitter, self._hand_over, self.runs)

    def _hand_over(self, run: int) -> None:
        if run == self.runs and self._block and not self.network.frozen:
            self._ready.extend(self._block)
            self._block.clear()
            self._end_poll()

    def _read(self, packet: PacketReceived | PacketUnreadable) -> tuple[IPv4Address, Advertisement] | None:
        """Return who says what, or None for what is dropped."""
        options = self.options
        if not isinstance(packet, PacketReceived) or packet.ttl != TTL or packet.destination != options.group:
            return None
        try:
            advertisement = parse(packet.payload)
        except MalformedAdvertisementError:
            return None
        source = packet.source
        is_ours = advertisement.vhid == options.vhid and isinstance(source, IPv4Address)
        if not is_ours or not self._authenticator.verifies(advertisement.counter, advertisement.digest):
            return None
        return IPv4Address(source), advertisement

    # What it sends.

    def _advertise(self, now: int) -> None:
        """Send an advertisement, and set the timer for the next one.

        Args:
            now: the instant of its wall clock from which it counts.
        """
        options = self.options
        skew = self.effective_skew
        if self._counter is None:
            counter = self._rng.getrandbits(64)
        else:
            counter = self._counter = (self._counter + 1) % COUNTER_MODULUS
        advertisement = Advertisement(
            vhid=options.vhid,
            advskew=skew,
            advbase_s=options.advbase_s,
            counter=counter,
            digest=self._authenticator.digest(counter),
        )
        mac = BROADCAST if options.no_multicast else multicast_mac(options.group)
        ethernet = ethernet_header(
            mac, VIRTUAL_MAC_PREFIXES[UCARP.source_mac] + bytes((options.vhid,)), ETHERTYPE_IPV4
        )
        ip = header(
            options.source,
            options.group,
            tos=UCARP.tos,
            payload_length=LENGTH,
            identification=self._rng.getrandbits(16),
        )
        is_silent = options.advbase_s == _SILENT and skew == _SILENT
        self._advertise_at = None if is_silent else now + advertisement_interval(options.advbase_s, skew)
        is_sent = self._send(ethernet + ip + advertisement.build())
        self._announce_after_advertisement()
        self._count(now, is_sent=is_sent)

    def _count(self, now: int, *, is_sent: bool) -> None:
        """Take note whether sending works; a host that cannot send for long counts as worse."""
        if is_sent:
            self._errors = 0
            self._successes += 1
            if self._suppressed and self._successes >= _ERRORS_MAX:
                self._suppressed -= 1
                self._successes = 0
        else:
            self._successes = 0
            self._errors += 1
            if self._errors == _ERRORS_MAX:
                self._suppressed += 1
                self._advertise(now)

    def _announce(self) -> None:
        interface = self._interface
        if interface is not None:
            self._send(gratuitous_arp(interface.hardware_address, self.options.address))

    def _announce_after_advertisement(self) -> None:
        if self._announcements_left > 0:
            self._announcements_left -= 1
            if self._announcements_left == 0 or self.options.garp_timeout is not None:
                self._announce()

    def _send(self, frame: bytes) -> bool:
        try:
            self.network.send(self.options.interface, frame)
        except PortError:
            return False
        return True

    # Its timers, and what they are set to.

    @property
    def _wall(self) -> int:
        return self.clock.read(self._engine.now) + (self.wall_offset or 0)

    @property
    def _sleep(self) -> int:
        """How long it sleeps unless it has something to read: whole milliseconds, as poll(2) has it."""
        options = self.options
        if self.state is State.MASTER and self._advertise_at is not None:
            return max(0, self._advertise_at - self._wall)
        skew_ms = options.advskew * 1000 // _SKEW_IN_INTERVAL
        return (options.advbase_s * 1000 + skew_ms) * MILLISECOND

    def _start_dead_timer(self) -> None:
        options = self.options
        self._dead_at = self._wall + advertisement_interval(
            options.dead_ratio * options.advbase_s, options.advskew
        )

    @property
    def effective_skew(self) -> int:
        """Its advskew, which is worse while it cannot send."""
        skew = self.options.advskew
        return max(skew, _SUPPRESSED_SKEW) if self._suppressed else skew

    @property
    def _further_announcements(self) -> int:
        timeout = self.options.garp_timeout
        return _DELAYED_ANNOUNCEMENT if timeout is None else max(0, timeout)

    # Its machine.

    @property
    def _interface(self) -> Interface | None:
        return self.network.interface(self.options.interface)

    @property
    def _link(self) -> Link:
        interface = self._interface
        return Link.ABSENT if interface is None else interface.link

    @property
    def _is_interface_lost(self) -> bool:
        return self._link in {Link.DOWN, Link.ABSENT}

    def _finish_script(self, boot: int, hook: Hook) -> None:
        """Let a script do what it does at its end."""
        if boot != self._boots:
            return
        if self.network.frozen:
            self._after_thaw.append((boot, hook))
            return
        interface, held = self._interface, self.options.held
        if interface is None:
            return
        if hook is Hook.DOWN:
            self.network.take_address(interface.name, held)
        elif held not in interface.leases:
            self.network.put_address(interface.name, held)

    def _signal(self, name: str) -> None:
        if self._process is not None:
            self._signals.append(name)
            if self._wait.for_signals:
                self._wake()

    def _note_link(self, change: LinkChanged | AddressChanged | EffectFailed) -> None:
        if isinstance(change, LinkChanged) and change.link in {Link.DOWN, Link.ABSENT}:
            self._end_poll()

    # Its processor.

    def _end_poll(self) -> None:
        if self._wait.for_frames:
            self._wake()

    def _wake(self) -> None:
        if self._paused:
            self._is_due = True
        else:
            self._step()

    def _step(self) -> None:
        """Let the process go on until it waits again."""
        self._is_due = False
        self._wait = _NOT_WAITING
        self._alarm.set(None)
        process = self._process
        if process is None:
            return
        try:
            wait = next(process)
        except StopIteration:
            self._end()
            self._tell_process()
            return
        self._wait = wait
        late = self.wake_up.draw(self._timing_rng)
        self._alarm.set(self.clock.instant(self.clock.read(self._engine.now) + wait.duration + late))

    # Those who watch.

    def _switch(self, state: State | None) -> None:
        if state is self.state:
            return
        old, self.state = self.state, state
        for watcher in self._watchers:
            watcher.switched(self, self._engine.now, old, state)

    def _note_address(self, interface: str, address: IPInterface, present: bool) -> None:
        for watcher in self._watchers:
            watcher.held(self, self._engine.now, interface, address, present=present)

    def _tell_process(self) -> None:
        for watcher in self._watchers:
            watcher.process_changed(self, self._engine.now)
