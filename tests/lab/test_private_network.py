from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from triocarp.lab import private_network

SOURCE = Path(private_network.__file__).parents[2]


def run(program: str) -> str:
    """Run a Python program in a process that believes itself outside of any private network."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *sys.path])}
    environment.pop(private_network.ENVIRONMENT_VARIABLE, None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.kernel
def test_the_tests_run_in_a_private_network() -> None:
    """The process that runs the kernel tests sees no interface of the machine, and has a loopback."""
    devices = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]

    assert private_network.entered()
    assert devices == ["lo"]
    assert Path("/run/netns").is_dir()


@pytest.mark.kernel
def test_entering_twice_changes_nothing() -> None:
    """Who is inside stays where they are."""
    before = Path("/proc/self/ns/net").readlink()
    private_network.enter()

    assert before == Path("/proc/self/ns/net").readlink()


@pytest.mark.kernel
def test_children_know_that_they_are_inside() -> None:
    """A child process need not enter again, and can: what it makes is private, too."""
    output = run("""
        import os
        from triocarp.lab import private_network
        outside = os.readlink("/proc/self/ns/net")
        private_network.enter()
        assert private_network.entered() and os.readlink("/proc/self/ns/net") != outside
        assert os.environ["TRIOCARP_PRIVATE_NETWORK"] == "1" and os.geteuid() == 0
        print(open("/proc/net/dev").read().count(":"))
    """)

    assert output.strip() == "1"


@pytest.mark.kernel
def test_an_ordinary_user_becomes_root_of_their_own_network() -> None:
    """Without privileges of any kind, a user namespace provides them."""
    program = textwrap.dedent("""
        import os
        from triocarp.lab import Lan, private_network
        assert os.geteuid() == 1000 and "CapEff:\\t0000000000000000" in open("/proc/self/status").read()
        private_network.enter()
        with Lan() as lan:
            lan.add_host("one", "10.0.0.1/24")
        print(os.geteuid())
    """)
    # Executing a program in a user namespace in which one's uid is not 0 takes all capabilities away.
    output = run(f"""
        import os, sys
        from pathlib import Path
        from triocarp.lab import syscalls
        uid, gid = os.geteuid(), os.getegid()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"1000 {{uid}} 1")
        Path("/proc/self/gid_map").write_text(f"1000 {{gid}} 1")
        os.execv(sys.executable, [sys.executable, "-c", {program!r}])
    """)

    assert output.strip() == "0"


@pytest.mark.kernel
def test_a_refused_process_stays_what_it_was() -> None:
    """Where namespaces are forbidden, one exception says so, and nothing about the process has changed."""
    output = run("""
        import os
        from triocarp.lab import private_network, syscalls
        uid = os.geteuid()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        with open("/proc/self/uid_map", "w") as file:
            file.write(f"0 {uid} 1")
        with open("/proc/sys/user/max_net_namespaces", "w") as file:
            file.write("0")
        before = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "net", "mnt")]
        try:
            private_network.enter()
        except private_network.PrivateNetworkUnavailable as exc:
            print(exc)
        assert not private_network.entered()
        assert before == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "net", "mnt")]
    """)

    assert output.strip() == (
        "the system forbids private networks (user.max_net_namespaces=0); "
        "type instead: sudo sysctl -w user.max_net_namespaces=10000"
    )


def test_a_process_with_threads_is_told_to_enter_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel can't move several threads together, so that is an error of the caller."""
    monkeypatch.delenv(private_network.ENVIRONMENT_VARIABLE, raising=False)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="before it starts threads"):
            private_network.enter()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("sysctl", "value", "is_root", "forbids"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", False, True),
        ("kernel/apparmor_restrict_unprivileged_userns", "0", False, False),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", True, False),
        ("kernel/unprivileged_userns_clone", "0", False, True),
        ("user/max_user_namespaces", "0", False, True),
        ("user/max_user_namespaces", "10000", False, False),
        ("user/max_net_namespaces", "0", True, True),
    ],
)
def test_a_refusal_names_the_setting_that_forbids(
    tmp_path: Path, sysctl: str, value: str, is_root: bool, forbids: bool
) -> None:
    """The message is one line with the setting, its value and what to type, when it is a setting."""
    setting = tmp_path / sysctl
    setting.parent.mkdir()
    setting.write_text(value + "\n")
    refusal = private_network.Refusal(step="map", number=errno.EPERM)
    message = private_network.explain(refusal, is_root=is_root, sysctls=tmp_path)

    assert "\n" not in message
    assert forbids == (f"{sysctl.replace('/', '.')}={value}" in message)
    assert forbids == ("sudo sysctl -w" in message)
    assert ("type instead: sudo" in message) == (forbids or not is_root)
    assert ("--privileged" in message) == (is_root and not forbids)


def test_an_ordinary_user_is_told_to_type_the_same_command_with_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has the full path of the interpreter, which sudo's PATH would not find."""
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "pytest", "-k", "a b"])
    refusal = private_network.Refusal(step="map", number=errno.EPERM)
    message = private_network.explain(refusal, is_root=False, sysctls=tmp_path)

    assert message.endswith(f"type instead: sudo {sys.executable} -m pytest -k 'a b'")
    assert "map: Operation not permitted" in message
