"""carpd from the command line to its end."""

import contextlib
import functools
import gc
import importlib
import io
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import BinaryIO, Final, TextIO, cast

import trio

from triocarp.core import (
    Node,
    PolicyRouting,
    PortError,
    Ports,
    Runner,
    Sealing,
    State,
    StopRequested,
    SwitchOverRequested,
    VirtualHostConfig,
)
from triocarp.core.timing import SECOND
from triocarp.daemon import command_line, standard_streams, starting
from triocarp.daemon.background import run_in_background
from triocarp.daemon.driver import Driver
from triocarp.daemon.event_log import EventLog, Level
from triocarp.daemon.health import HealthSocket
from triocarp.daemon.kernel_host import KernelHost
from triocarp.daemon.line_writer import LineWriter, Stream
from triocarp.daemon.pid_file import pid_file
from triocarp.daemon.rehearsal import rehearse
from triocarp.daemon.scripts import GRACE_S, ScriptRunner
from triocarp.daemon.settings import STATUS_START, Settings, SettingsError
from triocarp.daemon.syslog_stream import DEFAULT_FACILITY, NO_SYSLOG, SyslogStream
from triocarp.linux.clock import boottime
from triocarp.linux.instance_lock import AlreadyRunning, InstanceLock
from triocarp.linux.interface_table import read_interfaces
from triocarp.linux.orphans import reap_orphans
from triocarp.linux.precise_timer import PreciseTimer
from triocarp.linux.scheduling import become_real_time
from triocarp.linux.wall_clock import WallClock, is_synchronised

STATUS_BUG: Final = 70
"""Exit status of a mistake of ours (EX_SOFTWARE of sysexits(3)); the addresses have been released all the same."""

TOOLS: Final = ("migrate", "doctor")
"""First words of command lines that are no daemon's. ucarp has none: it ignores words without a dash."""

_STDERR: Final = 2

HOLD_DOWN: Final = 3 * SECOND
"""How long a host that handed over on SIGUSR2 does not become master, as in ucarp."""

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_SIGNALS: Final = (*_STOP_SIGNALS, signal.SIGUSR1, signal.SIGUSR2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run carpd, and return its exit status: 0 after an orderly stop, 1 for settings, 2 for a failed start.

    With ``-B`` it returns as soon as carpd runs in the background, with 0, or cannot; there it returns once more.

    Args:
        argv: without the program's name; the process's own if None.
    """
    standard_streams.open_missing()
    words = sys.argv[1:] if argv is None else argv
    if not words:
        return standard_streams.print_with(command_line.program(), _help)
    if words[0] in TOOLS:
        return _run_tool(words[0], words[1:])
    try:
        settings = command_line.read(words, first_interface=starting.first_interface)
    except SettingsError as error:
        return _refuse(starting.every_mistake(error), error.status)
    except command_line.HelpRequested:
        return standard_streams.print_with(command_line.program(), _help)
    except OSError as error:
        return _refuse((str(error),), STATUS_START)
    if settings.daemonize:
        return run_in_background(command_line.program(), functools.partial(_start, settings))
    return _start(settings, lambda: None)


def _run_tool(name: str, words: Sequence[str]) -> int:
    """Run what is no daemon, and return its exit status. Each is loaded when it is asked for, and not before."""
    module = importlib.import_module(f"triocarp.{name}.main")
    main_of_tool: Callable[[Sequence[str]], int] = module.main
    return standard_streams.print_with(f"{command_line.program()} {name}", lambda: main_of_tool(words))


def _help() -> int:
    sys.stdout.write(command_line.parser().format_help())
    return 0


def _refuse(lines: Sequence[str], status: int) -> int:
    for line in lines:
        print(f"{command_line.program()}: {line}", file=sys.stderr)  # noqa: T201 - where there is a log, too
    return status


def _start(settings: Settings, runs: Callable[[], None]) -> int:
    """Run what the settings say, and return the exit status.

    Args:
        settings: what shall run.
        runs: is called as soon as it does.
    """
    with _log_writers(settings) as (write, syslog):
        try:
            settings = replace(settings, warnings=settings.warnings + starting.check(settings))
            with contextlib.ExitStack() as locks:
                for host in settings.node.virtual_hosts:
                    locks.enter_context(InstanceLock(host.interface, host.vhid))
                locks.enter_context(pid_file(settings.pid_file))
                return _run(settings, write, runs)
        except starting.StartError as error:
            lines = error.lines
        except (AlreadyRunning, PortError, OSError) as error:
            lines = (str(error),)
        for line in lines:
            syslog(line)
    return _refuse(lines, STATUS_START)


@contextlib.contextmanager
def _log_writers(settings: Settings) -> Generator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Give what writes a line of the log: to all that want it, and to syslog alone."""
    facility = facility_of(settings)
    with contextlib.ExitStack() as stack:

        def writer(stream: Stream) -> Callable[[str], None]:
            opened = LineWriter(stream)
            stack.callback(opened.close)
            return opened.write

        to_syslog: Callable[[str], None] = _nowhere
        if facility != NO_SYSLOG:
            to_syslog = writer(SyslogStream(command_line.program(), facility))
        # In the background nobody looks at it any more, and until then who called waits for a status alone.
        to_stderr = _nowhere if settings.daemonize else writer(_unbuffered_stderr())

        def to_all(line: str) -> None:
            to_stderr(line)
            to_syslog(line)

        yield to_all, to_syslog


def _nowhere(_line: str) -> None:
    """Write a line that nobody wants."""


def facility_of(settings: Settings) -> str:
    """Return the syslog facility: ucarp's, unless the lines would be told twice, or a file describes the host.

    Args:
        settings: what shall run.
    """
    if settings.facility is not None:
        return settings.facility
    if settings.daemonize:
        return DEFAULT_FACILITY
    stderr = os.fstat(_STDERR)
    in_journal = os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"  # systemd.exec(5)
    return NO_SYSLOG if in_journal or settings.config is not None else DEFAULT_FACILITY


def _run(settings: Settings, write: Callable[[str], None], runs: Callable[[], None]) -> int:
    early: list[int] = []
    for number in _SIGNALS:
        # trio's receiver puts this back when it ends: who asks a second time must not kill us while we leave.
        signal.signal(number, lambda number, _frame: early.append(number))
    several = len(settings.node.virtual_hosts) > 1
    log = EventLog(write, clock=boottime, debug=settings.debug, several=several)
    try:
        trio.run(_serve, settings, log, early, runs)
    except PortError as error:
        return _give_up(settings, log, str(error), STATUS_START)
    except starting.StartError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, the operator shall read it, and the status shall tell
        text = f"a bug in carpd, please report it:\n{traceback.format_exc()}"
        return _give_up(settings, log, text, STATUS_BUG)
    finally:
        log.finish()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # Python itself puts back the default of all others as it ends
    return 0


def _give_up(settings: Settings, log: EventLog, text: str, status: int) -> int:
    log.line(Level.ERROR, text)
    # Who waits for a daemon to run reads no log.
    return _refuse((text,), status) if settings.daemonize else status


def _unbuffered_stderr() -> TextIO:
    """Return standard error without a buffer.

    Python ends by flushing `sys.stderr`. If a thread hung in a write at that moment, with the lock of its buffer,
    Python would wait for it and then complain, on standard error, for ever.
    """
    raw = io.FileIO(_STDERR, "w", closefd=False)
    # What the type knows as a buffer may be none, as `python -u` does it, too.
    return io.TextIOWrapper(cast("BinaryIO", raw), encoding="utf-8", errors="backslashreplace", write_through=True)


async def _serve(settings: Settings, log: EventLog, early: list[int], runs: Callable[[], None]) -> None:
    def trouble(sentence: str) -> None:
        log.line(Level.ERROR, sentence)

    with contextlib.ExitStack() as stack:
        seed = random.SystemRandom().getrandbits(63)  # of the first counters, which everybody hears
        journal = None
        if settings.journal is not None:
            from triocarp.daemon import journalling  # noqa: PLC0415 - it takes 40 ms to load, and few want it

            try:
                journal = journalling.begin(settings.journal, settings.node, seed, log)
            except OSError as error:
                raise starting.StartError(f"journal {settings.journal}: {error.strerror}") from None
            stack.callback(journal.close)  # last, so that the leaving stands in it
        node = Node(settings.node, rng=random.Random(seed))  # noqa: S311 - so that the journal can be replayed
        first = settings.node.virtual_hosts[0]
        health = stack.enter_context(HealthSocket(first.interface, first.vhid))
        kernel = stack.enter_context(KernelHost(settings.node.virtual_hosts, trouble=trouble))
        timer = stack.enter_context(PreciseTimer())
        hooks = ScriptRunner(
            settings.scripts,
            spawning=lambda script: log.line(Level.WARNING, f"Spawning [{' '.join(script.argv)}]"),
        )
        ports = Ports(frames=kernel.frames, addresses=kernel.addresses, hooks=hooks, reports=log, journal=journal)
        scripts = [script for of_host in settings.scripts.values() for script in of_host.values()]
        driver = Driver(
            Runner(node, ports, clock=boottime),
            clock=boottime,
            timer=timer,
            sources=(*_clocks(settings, stack), *kernel.packets(node), kernel, kernel.addresses),
            hooks=hooks,
            leaving_limit_s=2 * max((script.timeout_s + GRACE_S for script in scripts), default=5),
            trace=log.trace if settings.debug else None,
            rehearse=lambda: rehearse(node),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.serve)
            nursery.start_soon(health.serve, node, boottime)
            if os.getpid() == 1:
                nursery.start_soon(reap_orphans)
            await nursery.start(_serve_signals, driver, log)
            for warning in (*settings.warnings, *_clock_warnings(settings)):
                log.line(Level.WARNING, warning)
            # What is alive now stays alive: the garbage collector need not walk through it in a takeover.
            gc.collect()
            gc.freeze()
            if settings.real_time and not become_real_time(kernel.addresses.thread_id):
                log.line(Level.INFO, "no real-time scheduling without CAP_SYS_NICE: a busy machine may delay us")
            _introduce(settings, log)
            await nursery.start(_drive, driver, nursery.cancel_scope)
            for host in settings.node.virtual_hosts:
                log.line(Level.INFO, _describe(host))
            runs()
            if set(early) & set(_STOP_SIGNALS):
                driver.feed(StopRequested())


def _clocks(settings: Settings, stack: contextlib.ExitStack) -> tuple[WallClock, ...]:
    """Return the source of the wall clock, if anybody looks at it; first, so that nothing is heard before it."""
    sealed = any(host.sealing is not Sealing.OFF for host in settings.node.virtual_hosts)
    return (stack.enter_context(WallClock()),) if sealed else ()


def _clock_warnings(settings: Settings) -> tuple[str, ...]:
    """Return what to tell about a clock that seals depend on, and that may be wrong."""
    enforced = any(host.sealing is Sealing.ENFORCE for host in settings.node.virtual_hosts)
    if not enforced or is_synchronised():
        return ()
    warning = (
        "sealing is enforced, and the kernel does not call the clock synchronised: hosts whose clocks are further "
        "apart than the window do not believe each other, and all become master"
    )
    return (warning,)


async def _drive(
    driver: Driver, whole: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    await driver.run(task_status=task_status)
    whole.cancel()


async def _serve_signals(
    driver: Driver, log: EventLog, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Leave in order on any signal that asks a daemon to end; ucarp needs -z for that, and says no goodbye."""
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGUSR1:
                for (interface, vhid), host in driver.node.virtual_hosts.items():
                    log.line(Level.INFO, f"{host.state.value} on {interface} id {vhid}")
            elif number == signal.SIGUSR2:
                is_master = State.MASTER in {host.state for host in driver.node.virtual_hosts.values()}
                doing = f"handing over, and not coming back for {HOLD_DOWN // SECOND} s"
                log.line(Level.INFO, f"SIGUSR2: {doing if is_master else 'there is nothing to hand over'}")
                driver.feed(SwitchOverRequested(hold_down=HOLD_DOWN))
            else:
                log.line(Level.INFO, f"{signal.Signals(number).name}: leaving")
                driver.feed(StopRequested())


def _introduce(settings: Settings, log: EventLog) -> None:
    table = read_interfaces()
    for interface in dict.fromkeys(host.interface for host in settings.node.virtual_hosts):
        log.line(Level.INFO, f"Using [{interface}] as a network interface")
        found = table.find(interface)
        if found is not None:
            mac = found.hardware_address.hex(":")
            log.line(Level.INFO, f"Local advertised ethernet address is [{mac}]")


def _describe(host: VirtualHostConfig) -> str:
    addresses = ", ".join(map(str, host.addresses))
    manner = f"with a lease of {host.lease_s} s" if host.manages_addresses else "by scripts"
    sources = ", ".join(map(str, host.sources.values()))
    destinations = ", ".join(map(str, host.destinations))
    later = host.first_takeover > host.dead_time
    first = f", {host.first_takeover / 1e9:.3f} s at the start" if later else ""
    return (
        f"ready: {addresses} {manner}, VHID {host.vhid}, from {sources} to {destinations}, "
        f"advertisements every {host.interval / 1e9:.3f} s, takeover after {host.dead_time / 1e9:.3f} s{first}"
        f"{'' if host.routing is None else _describe_routing(host.routing)}"
    )


def _describe_routing(routing: PolicyRouting) -> str:
    through = " and ".join(map(str, routing.gateways))
    return f", routed by table {routing.table}" + (f" through {through}" if through else "")
