"""What can be wrong with a configuration, in a form that every user interface can put into its own words."""

from dataclasses import dataclass, replace
from typing import Self, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration.

    Attributes:
        setting: path to the field.
        value: what it was given, as text; never a secret.
        accepted: what would be right.
    """

    setting: str
    value: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.setting} {self.value}: expected {self.accepted}"

    def within(self, path: str) -> Self:
        """Return the same problem, seen from further outside.

        Args:
            path: of what has the field.
        """
        return replace(self, setting=f"{path}.{self.setting}")


@final
class ConfigurationError(ValueError):
    """Raised when a configuration is made of values that cannot work.

    Attributes:
        problems: all of them, not just the first.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
