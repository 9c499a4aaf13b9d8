"""What rendering cost: a month by day, recipe, batch and store, its budget, and the same as a file."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable

from django.http import HttpResponse

from apps.accounts.models import Role
from apps.billing import selectors as billing
from apps.dashboard import charts
from apps.dashboard.access import Asked, action, page
from apps.dashboard.showing import back, show
from apps.dashboard.usage_forms import BudgetForm
from apps.jobs import costs
from apps.lib.errors import BadRequest
from apps.usage import months, services
from apps.usage import selectors as reading
from apps.usage.selectors import Sums

PAGE = "dashboard:usage"
# Batches shown, the dearest first; the file has all.
MOST_BATCHES = 50
COLUMNS = (
    "day",
    "store",
    "recipe",
    "batch",
    "attempts",
    "pictures",
    "from_cache",
    "device_seconds",
    "bytes_in",
    "bytes_out",
    "cost",
)


@page
def usage(request: Asked) -> HttpResponse:
    workspace, month = request.workspace.pk, _month(request)
    days = reading.by_day(workspace, month)
    stores, recipes, batches = (costs.parts(workspace, month, kind) for kind in ("store", "recipe", "batch"))
    standing = reading.standing(workspace)
    total = sum_of(day for _, day in days)
    context = {
        "month": month,
        "earlier": months.before(month),
        "later": months.after(month) if month < months.this() else None,
        "total": total,
        "days": days,
        "chart": charts.per_day([(day, found.cost_micros) for day, found in days]),
        "parts": [
            ("recipe", "By recipe", recipes),
            ("batch", "By batch", batches[:MOST_BATCHES]),
            ("store", "By store", stores),
        ],
        "more_batches": max(0, len(batches) - MOST_BATCHES),
        "hit_percent": _percent(total.hit_share),
        "matte_percent": _percent(total.matte_hit_share),
        "standing": standing,
        "form": BudgetForm.of(standing),
        "billed": billing.is_on(),
        "stopped_plans": [found for found in billing.standings(workspace) if found.why_stopped],
        "prices": [price for price in reading.price_list() if price.state != "past"],
    }
    return show(request, "usage.html", context)


def sum_of(parts: Iterable[Sums]) -> Sums:
    found = list(parts)
    return Sums(**{name: sum(getattr(part, name) for part in found) for name in reading.SUMS})


def _month(request: Asked) -> dt.date:
    """The month that was asked for, or this one; not one to come."""
    return min(months.read(request.GET.get("month", "")) or months.this(), months.this())


def _percent(share: float | None) -> int | None:
    return None if share is None else round(100 * share)


@page
def usage_csv(request: Asked) -> HttpResponse:
    """One line per day, store, recipe and batch of the month; money with six digits, times in seconds."""
    month = _month(request)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="usage-{month:%Y-%m}.csv"'
    rows = csv.writer(answer)
    rows.writerow(COLUMNS)
    for day, names, total in costs.lines(request.workspace.pk, month):
        rows.writerow(
            [
                day.isoformat(),
                *(_harmless(names[kind]) for kind in ("store", "recipe", "batch")),
                total.attempts,
                total.pictures,
                total.cached,
                f"{total.device_seconds:.3f}",
                total.bytes_in,
                total.bytes_out,
                f"{total.cost_micros / 1e6:.6f}",
            ]
        )
    return answer


def _harmless(name: str) -> str:
    """A name that begins like a formula would be computed by a spreadsheet."""
    return f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r"} else name


@action(Role.OWNER)
def set_budget(request: Asked) -> HttpResponse:
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return back(request, PAGE, trouble="That is not an amount of money.")
    try:
        services.set_budget(request.workspace, **form.values(), by=request.actor)
    except BadRequest as error:
        return back(request, PAGE, trouble=error.message)
    return back(request, PAGE, ok="Saved. It holds from now on.")
