"""How long a job rests before it is tried again: by what went wrong, longer each time, never all at the same moment."""

from __future__ import annotations

import random
from dataclasses import dataclass

from apps.lib.work import backoff_s

# Of a wait that somebody else asked for, so that not all come back in the same second.
LATER_BY = 0.2


@dataclass(frozen=True)
class Rule:
    """`a_try`: whether it counts against the job, or is an outage that no photo is to blame for."""

    base_s: float
    cap_s: float
    a_try: bool = True


RULES = {
    "rate_limited": Rule(10.0, 900.0, a_try=False),
    "storage_unavailable": Rule(5.0, 300.0, a_try=False),
    "storage_full": Rule(30.0, 300.0, a_try=False),
    # Whatever else used the memory needs time to end.
    "out_of_memory": Rule(15.0, 600.0),
    "worker_lost": Rule(4.0, 600.0),
}
OTHER = Rule(2.0, 600.0)
# An outage that does not end is looked at by a person after so many attempts.
OUTAGE_ATTEMPTS = 20


def rule(code: str) -> Rule:
    return RULES.get(code, OTHER)


def wait_s(code: str, times: int, retry_after_s: float | None = None) -> float:
    """Seconds until the next try, after it failed so many `times`. Never sooner than `retry_after_s`."""
    found = rule(code)
    own = backoff_s(max(1, times), base_s=found.base_s, cap_s=found.cap_s)
    if retry_after_s is None:
        return own
    asked = max(0.0, retry_after_s) * random.uniform(1.0, 1.0 + LATER_BY)  # noqa: S311 - spreading load
    return max(own, asked) if found.a_try else asked
