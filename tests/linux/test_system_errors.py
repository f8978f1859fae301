import errno
import os

import pytest

from triocarp.core.reasons import PortFailure
from triocarp.linux.system_errors import port_error


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ENODEV, PortFailure.NO_DEVICE),
        (errno.ENXIO, PortFailure.NO_DEVICE),
        (errno.EPERM, PortFailure.NO_PERMISSION),
        (errno.EACCES, PortFailure.NO_PERMISSION),
        (errno.ENETDOWN, PortFailure.LINK_DOWN),
        (errno.ENETUNREACH, PortFailure.NO_ROUTE),
        (errno.EHOSTUNREACH, PortFailure.NO_ROUTE),
        (errno.ENOBUFS, PortFailure.NO_BUFFER),
        (errno.ENOMEM, PortFailure.NO_BUFFER),
        (errno.EAGAIN, PortFailure.NO_BUFFER),
        (errno.EMSGSIZE, PortFailure.OTHER),
        (errno.EINVAL, PortFailure.OTHER),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value.name,
)
def test_failure_of_error_number(number: int, failure: PortFailure) -> None:
    """Each error number is one kind of failure, told with what was tried and the system's own words."""
    error = port_error(OSError(number, os.strerror(number)), "doing it to eth0")

    assert failure is error.failure
    assert f"doing it to eth0: {os.strerror(number)}" == error.detail == str(error)


def test_error_without_number() -> None:
    """An error that Python itself raised has no number, and its own words."""
    error = port_error(OSError("no interface with this name"), "doing it to eth0")

    assert PortFailure.OTHER is error.failure
    assert error.detail == "doing it to eth0: no interface with this name"
