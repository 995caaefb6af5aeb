"""What holds for every test: nothing is judged by time, so that a busy machine finds no faults that are not there."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# Where a red run stops others, the same change gives the same examples; at a desk each run looks further.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("untimed")


def many(count: int) -> int:
    """How many examples of a test of thousands are made: a third where every test has to be short, else all."""
    return count if os.environ.get("DPLANE_ALL_TESTS") else count // 3


# A shell starts what runs in its background deaf to these, and so would be all that the tests start and interrupt.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
