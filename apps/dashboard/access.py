"""Who sees a page: logged in, in a workspace, with a role. Every view goes through `page` or `action`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import Role, User, Workspace
from apps.accounts.selectors import at_least, member_of
from apps.dashboard.inside import Inside

P = ParamSpec("P")
READS = ("GET", "HEAD")
ARRIVES = ("GET",)
WRITES = ("POST",)


class Asked(HttpRequest):
    """A request of somebody who may ask: `workspace` and `role` are theirs, `actor` is how the trail names them;
    `inside` tells of the frame of an administration that it came from (inside.py)."""

    user: User
    workspace: Workspace
    role: str
    actor: str
    htmx: HtmxDetails
    inside: Inside | None


View = Callable[Concatenate[Asked, P], HttpResponseBase]


def page(view: View[P]) -> Callable[..., HttpResponseBase]:
    """A page that every member may look at."""
    return _guarded(view, Role.VIEWER, READS)


def page_for(needed: Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """A page, with its form, for members who may do `needed` and more."""
    return lambda view: _guarded(view, needed, READS + WRITES)


def sight_for(needed: Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """A page to look at, for members who may do `needed` and more."""
    return lambda view: _guarded(view, needed, READS)


def arrival_for(needed: Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Where a browser arrives from a store and something changes by it; nothing that merely looks ahead (HEAD)
    counts."""
    return lambda view: _guarded(view, needed, ARRIVES)


def action(needed: Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """A change: POST only, for members who may do `needed` and more."""
    return lambda view: _guarded(view, needed, WRITES)


def _guarded(view: View[P], needed: Role, methods: tuple[str, ...]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_login(request)
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        user = request.user
        member = member_of(user)
        if member is None:
            raise PermissionDenied("You belong to no workspace yet. Ask an owner to add you.")
        if not at_least(member.role, needed):
            raise PermissionDenied(f"This needs the role {needed.label}; you are {member.role} here.")
        asked = cast(Asked, request)
        asked.workspace, asked.role, asked.actor = member.workspace, member.role, f"user:{user.pk}"
        return view(asked, *args, **kwargs)

    guarded.needed = needed  # type: ignore[attr-defined]
    return guarded


def _to_login(request: HttpRequest) -> HttpResponseBase:
    """A fragment that polls must not swap a login form into the page: the whole page goes there."""
    there = redirect_to_login(request.get_full_path())
    if getattr(request, "htmx", False):
        current = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(redirect_to_login(current).url)
    return there
