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
    for name in (device, family):
        price = (
            Price.objects.filter(device=name, valid_from__lte=timezone.now()).order_by("-valid_from").first()
        )
        if price:
            return price.micros_per_second
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
