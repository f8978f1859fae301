"""Which hook to run when: never two at a time, and never one that has become pointless."""

from collections.abc import Set as AbstractSet
from typing import final

from triocarp.core.effects import Hook


@final
class HookSequence:
    """The hooks of one virtual host, as a desired condition that is worked towards.

    A slow script must not pile up behind a flapping network: what counts is the last wish. A hook that is
    running ends first; then the wished one runs, unless the finished one has already brought it about.

    Args:
        configured: the hooks that exist; a wish for another is fulfilled at once.
        done: the condition in which the sequence begins, if it is known.
    """

    __slots__ = ("_configured", "_done", "_running", "_wished")

    def __init__(self, configured: AbstractSet[Hook], *, done: Hook | None = None) -> None:
        self._configured = configured
        self._done = done
        self._wished = done
        self._running: Hook | None = None

    @property
    def running(self) -> Hook | None:
        """The hook that runs now."""
        return self._running

    @property
    def settled(self) -> Hook | None:
        """The condition that has been reached, or None while a hook runs or nothing was ever wished."""
        return None if self._running else self._done

    def wish(self, hook: Hook) -> Hook | None:
        """Change the wish, and return the hook to start now, if any.

        Args:
            hook: the condition that shall be reached.
        """
        self._wished = hook
        return None if self._running else self._advance()

    def finished(self) -> Hook | None:
        """Take note that the running hook has ended, and return the hook to start now, if any."""
        self._done, self._running = self._running, None
        return self._advance()

    def _advance(self) -> Hook | None:
        if self._wished is self._done:
            return None
        if self._wished in self._configured:
            self._running = self._wished
        else:
            self._done = self._wished
        return self._running
