"""What holds for every test: nothing is judged by time, so that a busy machine finds no faults that are not there."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Where a red run stops others, the same change gives the same examples; at a desk each run looks further.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("untimed")
