"""Hypothesis in these tests: no deadlines, and in CI the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.register_profile("core-ci", deadline=None, derandomize=True)
# Under mutation the tests run thousands of times; what survives a few examples is run again with all of them.
settings.register_profile("core-mutated", deadline=None, derandomize=True, max_examples=10, database=None)


def _profile() -> str:
    if "MUTANT_UNDER_TEST" in os.environ:  # set by mutmut
        return "core-mutated"
    return "core-ci" if os.environ.get("CI") == "true" else "core"


settings.load_profile(_profile())
