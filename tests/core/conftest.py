"""Hypothesis in these tests: no deadlines, and in CI the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.register_profile("core-ci", deadline=None, derandomize=True)
# Under mutation the tests run thousands of times; what survives a few examples is run again with CI's.
settings.register_profile("core-mutated", deadline=None, derandomize=True, max_examples=10, database=None)


def _profile() -> str:
    if os.environ.get("CI") == "true":
        return "core-ci"
    return "core-mutated" if "MUTANT_UNDER_TEST" in os.environ else "core"  # set by mutmut


settings.load_profile(_profile())
