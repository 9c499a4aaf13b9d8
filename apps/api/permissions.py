"""Which workspace a request acts in, and what its role lets it do there."""

from __future__ import annotations

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.models import Role, Workspace
from apps.accounts.selectors import at_least, role_of, workspace_of
from apps.api.authentication import KeyHolder


def workspace_of_request(request: Request) -> Workspace:
    """Raises NotAuthenticated or PermissionDenied where there is none."""
    who = request.user
    if isinstance(who, KeyHolder):
        return who.key.workspace
    if not who.is_authenticated:
        raise NotAuthenticated
    workspace = workspace_of(who)
    if workspace is None:
        raise PermissionDenied("You belong to no workspace.")
    return workspace


def role_of_request(request: Request) -> str | None:
    who = request.user
    if isinstance(who, KeyHolder):
        return who.key.role
    return role_of(who, workspace_of_request(request))  # type: ignore[arg-type]


def actor_of_request(request: Request) -> str:
    """How the audit trail names who asked."""
    who = request.user
    return f"apikey:{who.key.pk}" if isinstance(who, KeyHolder) else f"user:{who.pk}"


class ByRole(BasePermission):
    """Viewers read; changing anything needs `write_role` of the view (reviewer unless it says otherwise)."""

    message = "Your role in this workspace does not allow that."

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = Role.VIEWER if request.method in SAFE_METHODS else getattr(view, "write_role", Role.REVIEWER)
        return at_least(role_of_request(request), needed)
