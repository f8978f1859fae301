"""Hands the log's lines to syslog, as ucarp does: under the program's name, with its pid, in a facility.

A `SyslogStream` is what a `LineWriter` writes to, so a syslog that hangs holds up nothing but itself.
"""

import re
import syslog
from types import MappingProxyType
from typing import Final, final

NO_SYSLOG: Final = "none"
"""What ucarp calls no facility at all."""

DEFAULT_FACILITY: Final = "daemon"
"""ucarp's."""

FACILITIES: Final = MappingProxyType(
    {
        "kern": 0,
        "user": 1,
        "mail": 2,
        "daemon": 3,
        "auth": 4,
        "security": 4,
        "syslog": 5,
        "lpr": 6,
        "news": 7,
        "uucp": 8,
        "cron": 9,
        "authpriv": 10,
        "ftp": 11,
        **{f"local{number}": 16 + number for number in range(8)},
    }
)
"""Their numbers by the names that ucarp knows, which are those of syslog.h; the module `syslog` lacks some."""

_NUMBER_SHIFT: Final = 3
_LINE: Final = re.compile(r"\S+: (\[(\w+)\] .*)", re.DOTALL)
_SEVERITIES: Final = {
    "DEBUG": syslog.LOG_DEBUG,
    "INFO": syslog.LOG_INFO,
    "WARNING": syslog.LOG_WARNING,
    "ERROR": syslog.LOG_ERR,
}


@final
class SyslogStream:
    """Takes the lines of a log. There is one syslog for each process, so there is one of these.

    Args:
        program: the name under which syslog has the lines.
        facility: one of `FACILITIES`.
    """

    def __init__(self, program: str, facility: str) -> None:
        syslog.openlog(program, syslog.LOG_PID, FACILITIES[facility] << _NUMBER_SHIFT)

    def write(self, line: str) -> None:
        """Send a line, without the time, which syslog adds; one that is no line of the log is an error.

        Nothing is said where no syslog listens: that is how syslog(3) is.

        Args:
            line: with its end.
        """
        text = line.rstrip("\n")
        found = _LINE.fullmatch(text)
        severity = _SEVERITIES[found[2]] if found else syslog.LOG_ERR
        for part in (found[1] if found else f"[ERROR] {text}").split("\n"):
            # What is no text is shown as such, and syslog(3) takes no zero bytes.
            syslog.syslog(severity, part.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00"))

    def flush(self) -> None:
        """Do nothing: nothing waits here."""
