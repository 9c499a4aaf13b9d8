"""Review: one picture after another, decided with two keys."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import reading
from apps.dashboard.access import Asked, action, page
from apps.dashboard.showing import back, show
from apps.flow import flow
from apps.jobs import selectors as jobs
from apps.jobs.models import OPEN_STATES
from apps.lib.errors import VitrineError
from apps.publishing.models import Mode
from apps.publishing.services import asking
from apps.review import selectors as review
from apps.review import services
from apps.review.models import Item, ItemState

QUEUE = 24
DECISIONS = {"approve": True, "reject": False}


@page
def queue(request: Asked) -> HttpResponse:
    """The oldest waiting picture, large, and the others below."""
    return show(request, "review.html", _desk(request, None))


@page
def one(request: Asked, pk: int) -> HttpResponse:
    return _answer(request, _item(request, pk))


@action(Role.REVIEWER)
def decide(request: Asked, pk: int) -> HttpResponse:
    """Approve or reject, then on to the next one. What stands in the way is told beside the buttons."""
    item = _item(request, pk)
    decision = request.POST.get("decision", "")
    if decision not in DECISIONS:
        return _refused(request, item, "Approve or reject: choose one.")
    approved = DECISIONS[decision]
    try:
        _decide(request, item, approved=approved)
    except VitrineError as error:
        return _refused(request, item, error.message)
    after = _next(request, item)
    told = f"{item.job.photo.product.title}: {'approved' if approved else 'rejected'}."
    if request.htmx:
        return show(request, "parts/desk.html", {**_desk(request, after), "told": told})
    # Keys may be faster than htmx: the outcome is told however the decision came.
    if after is None:
        return back(request, "dashboard:review", ok=told)
    return back(request, "dashboard:review-item", after.pk, ok=told)


@action(Role.REVIEWER)
def approve_shown(request: Asked) -> HttpResponse:
    """Approve the pictures that were on the page; those whose pixels changed stay, to be confirmed one by one."""
    wanted = [int(pk) for pk in request.POST.getlist("item") if pk.isdecimal()][:QUEUE]
    items = review.waiting(request.workspace.pk).filter(pk__in=wanted, needs_override=False)
    approved = 0
    troubles: list[str] = []
    for item in items:
        try:
            _decide(request, item, approved=True)
            approved += 1
        except VitrineError as error:
            troubles.append(f"{item.job.photo.product.title}: {error.message}")
    told = f"{approved} picture{'' if approved == 1 else 's'} approved."
    return back(request, "dashboard:review", ok=told, trouble=" ".join(troubles))


@transaction.atomic
def _decide(request: Asked, item: Item, *, approved: bool) -> None:
    decided = services.decide(
        item,
        approved=approved,
        user=request.user,
        actor=request.actor,
        override=request.POST.get("override") == "yes",
        note=request.POST.get("note", "").strip()[:2000],
    )
    if decided.state == ItemState.APPROVED:
        flow.reviewed(decided, by=request.actor, mode=request.POST.get("mode", ""))


def _refused(request: Asked, item: Item, trouble: str) -> HttpResponse:
    item.refresh_from_db(fields=["state", "decided_at"])
    context = {**_desk(request, item), "trouble": trouble, "note": request.POST.get("note", "")}
    return show(request, "parts/desk.html" if request.htmx else "review.html", context, status=409)


def _answer(request: Asked, item: Item) -> HttpResponse:
    part = bool(request.htmx) and not request.htmx.boosted
    return show(request, "parts/desk.html" if part else "review.html", _desk(request, item))


def _desk(request: Asked, item: Item | None) -> dict[str, object]:
    """What the review page shows: `item` or else the oldest one that waits, its neighbours, and the queue."""
    waiting = review.waiting(request.workspace.pk)
    shown = list(waiting[:QUEUE])
    if item is None and shown:
        item = shown[0]
    newer = reading.newer(item) if item else None
    return {
        "item": item,
        "newer": newer,
        "kept": jobs.kept_marks(item.job.photo) if item else None,
        "modes": Mode.choices,
        "mode": asking.mode_of(item) if item else "",
        "newer_moving": newer is not None and newer.state in OPEN_STATES,
        "next_item": waiting.filter(pk__gt=item.pk).first() if item else None,
        "previous_item": waiting.filter(pk__lt=item.pk).order_by("-pk").first() if item else None,
        "queue": shown,
        "easy": [i for i in shown if not i.needs_override],
        "waiting_count": waiting.count() if len(shown) == QUEUE else len(shown),
        "decision": item.decisions.select_related("user").last()
        if item and item.state != ItemState.PENDING
        else None,
    }


def _next(request: Asked, item: Item) -> Item | None:
    waiting = review.waiting(request.workspace.pk)
    return waiting.filter(pk__gt=item.pk).first() or waiting.first()


def _item(request: Asked, pk: int) -> Item:
    return get_object_or_404(review.items_of(request.workspace.pk), pk=pk)
