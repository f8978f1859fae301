"""Hypothesis in these tests: no deadlines, and in CI the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.register_profile("core-ci", deadline=None, derandomize=True)
settings.load_profile("core-ci" if os.environ.get("CI") == "true" else "core")
