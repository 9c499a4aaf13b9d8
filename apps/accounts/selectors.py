"""Who may do what."""

from __future__ import annotations

from apps.accounts.models import Identity, Member, Role, User, Workspace

_ORDER = {Role.VIEWER: 0, Role.REVIEWER: 1, Role.OWNER: 2}


def workspace_of(user: User) -> Workspace | None:
    """The workspace a person works in: the first they joined."""
    member = member_of(user)
    return member.workspace if member else None


def member_of(user: User) -> Member | None:
    """A person's place in the workspace they work in, with both at hand: one query per page."""
    return Member.objects.select_related("workspace").filter(user=user).order_by("pk").first()


def known_as(issuer: str, shop: str, subject: str) -> Member | None:
    """The member whom that shop's administration calls so, if they may still come in."""
    found = Identity.objects.select_related("member__workspace", "member__user").filter(
        issuer=issuer, shop=shop, subject=subject, member__user__is_active=True
    )
    identity = found.first()
    return identity.member if identity else None


def role_of(user: User, workspace: Workspace) -> str | None:
    return Member.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()


def at_least(role: str | None, needed: Role) -> bool:
    """Whether `role` includes everything `needed` may do."""
    return role in _ORDER and _ORDER[Role(role)] >= _ORDER[needed]
