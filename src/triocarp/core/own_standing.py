"""What a virtual host itself counts as among its peers, with the demotion of its failover group."""

from typing import final

from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.demotion import Demotion, expressed_advskew, expressed_byte
from triocarp.core.dialect import DemotionStyle
from triocarp.core.preference import Standing
from triocarp.core.timing import advertisement_interval


@final
class OwnStanding:
    """Says what one virtual host advertises, and is compared by.

    Args:
        config: of the virtual host.
        demotion: of its failover group.

    Attributes:
        uses_byte: whether demotion has a byte of its own in the dialect.
    """

    __slots__ = ("_config", "_demotion", "_found_for", "_standing", "uses_byte")

    def __init__(self, config: VirtualHostConfig, demotion: Demotion) -> None:
        self._config = config
        self._demotion = demotion
        self.uses_byte = config.dialect.demotion_style is DemotionStyle.BYTE
        # Every packet is compared with it, and the demotion hardly ever changes.
        self._found_for = demotion.total
        self._standing = self._find()

    @property
    def standing(self) -> Standing:
        """What the host counts as: its demotion byte, and its interval with demotion."""
        if self._demotion.total != self._found_for:
            self._found_for = self._demotion.total
            self._standing = self._find()
        return self._standing

    @property
    def advskew(self) -> int:
        """What the host sends, with demotion."""
        return expressed_advskew(self._config.dialect, self._config.advskew, self._demotion.total)

    @property
    def interval(self) -> int:
        """Nanoseconds to the next advertisement, with demotion; OpenBSD's 0/0 means the least."""
        return self.standing.interval or self._config.interval

    def _find(self) -> Standing:
        config = self._config
        return Standing(
            expressed_byte(config.dialect, self._demotion.total),
            advertisement_interval(config.advbase_s, self.advskew),
        )
