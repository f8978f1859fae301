import os
import subprocess
import sys

import pytest

from triocarp.linux.instance_lock import AlreadyRunning, InstanceLock, instances_in, running_instances

HOLDER = """
import sys
from triocarp.linux.instance_lock import InstanceLock
with InstanceLock("lock-test", 3):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_holder() -> None:
    """A second holder is refused, and the error names interface, VHID and the process that has the lock."""
    with InstanceLock("lock-test", 1), pytest.raises(AlreadyRunning) as caught:
        InstanceLock("lock-test", 1)

    assert ("lock-test", 1, os.getpid()) == (caught.value.interface, caught.value.vhid, caught.value.process)
    assert f"process {os.getpid()} already runs VHID 1 on lock-test" == str(caught.value)


def test_other_numbers_and_interfaces() -> None:
    """Other VHIDs of the interface, and the same VHID on another interface, are free."""
    with InstanceLock("lock-test", 1), InstanceLock("lock-test", 2), InstanceLock("lock-test2", 1):
        pass


def test_given_back() -> None:
    """A lock that was given back can be taken again."""
    for _ in range(2):
        lock = InstanceLock("lock-test", 1)
        lock.close()
        lock.close()


def test_holder_is_killed() -> None:
    """The lock of another process is found, and vanishes when that process is killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning) as caught:
            InstanceLock("lock-test", 3)
        holder.kill()

    assert holder.pid == caught.value.process
    InstanceLock("lock-test", 3).close()


def test_unknown_process() -> None:
    """Where the holder is in another container, the message does without its number."""
    assert str(AlreadyRunning("eth0", 9, None)) == "another process already runs VHID 9 on eth0"


def test_running_instances_are_known_by_their_locks() -> None:
    """In the kernel's list of Unix sockets, as long as somebody has them."""
    with InstanceLock("nowhere0.5", 42):
        assert ("nowhere0.5", 42) in running_instances()
    assert ("nowhere0.5", 42) not in running_instances()
    sockets = "Num RefCount\n0: 2 0 10000 1 01 999 @triocarp/eth0.5/42\n0: 2 0 0 1 01 7 /run/x\n0: 2 0 0 1 1 8\n"
    assert instances_in(sockets) == {("eth0.5", 42)}
