"""Prices, what was spent, what is left."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Sum
from django.utils import timezone

from apps.usage.models import Budget, Price, Record, Reservation

# Until an operator enters prices. CPU time on one's own machine costs power, not rent: a round figure, in micros.
DEFAULT_MICROS_PER_SECOND = {"cpu": 10, "cuda": 700}


def micros_per_second(device: str) -> int:
    """The price valid now for a device such as ``cpu`` or ``cuda:NVIDIA L4``; its family is the fallback."""
    family = device.split(":", 1)[0]
    valid = Price.objects.filter(device__in=(device, family), valid_from__lte=timezone.now())
    prices = dict(
        valid.order_by("device", "-valid_from").distinct("device").values_list("device", "micros_per_second")
    )
    for name in (device, family):
        if name in prices:
            return prices[name]
    return DEFAULT_MICROS_PER_SECOND.get(family, DEFAULT_MICROS_PER_SECOND["cuda"])


def spent_micros(workspace: int) -> int:
    """Booked in this calendar month (UTC), plus what is reserved."""
    start = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    booked = (
        Record.objects.filter(workspace=workspace, at__gte=start).aggregate(s=Sum("cost_micros"))["s"] or 0
    )
    held = Reservation.objects.filter(workspace=workspace).aggregate(s=Sum("cost_micros"))["s"] or 0
    return booked + held


def reserved_micros(attempts: Iterable[int]) -> int:
    """What these attempts are expected to cost, as far as they have not ended."""
    held = Reservation.objects.filter(attempt__in=list(attempts)).aggregate(s=Sum("cost_micros"))["s"]
    return held or 0


def exhausted_workspaces() -> list[int]:
    """Workspaces that may not start more work this month."""
    return [
        b.workspace_id
        for b in Budget.objects.exclude(stop_micros=None)
        if spent_micros(b.workspace_id) >= (b.stop_micros or 0)
    ]


def left_micros(workspace: int) -> int | None:
    """What this month's budget still allows; None without a limit."""
    budget = Budget.objects.filter(workspace=workspace).exclude(stop_micros=None).first()
    if budget is None or budget.stop_micros is None:
        return None
    return max(0, budget.stop_micros - spent_micros(workspace))
