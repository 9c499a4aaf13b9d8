"""Who wants to hear of what, and how."""

from __future__ import annotations

from apps.accounts.models import Member, Role
from apps.notices.models import How, Kind, Preference

# Owners have to act, reviewers decide about batches; everybody else hears nothing until they ask for it.
DEFAULTS: dict[str, dict[str, str]] = {
    Role.OWNER: dict.fromkeys(Kind.values, How.AT_ONCE),
    Role.REVIEWER: {Kind.BATCH: How.DAILY},
}


def wishes(member: Member) -> dict[str, str]:
    """kind → how, for every kind."""
    said = dict(Preference.objects.filter(member=member).values_list("kind", "how"))
    defaults = DEFAULTS.get(member.role, {})
    return {kind: said.get(kind) or str(defaults.get(kind, How.OFF)) for kind in Kind.values}


def listeners(workspace: int, kind: str) -> list[tuple[Member, str]]:
    """Active members with an address who want to hear of this kind, each with how."""
    members = Member.objects.filter(workspace=workspace, user__is_active=True).exclude(user__email="")
    found = list(members.select_related("user", "workspace").order_by("pk"))
    said = dict(Preference.objects.filter(member__in=found, kind=kind).values_list("member", "how"))
    told = [(m, said.get(m.pk) or str(DEFAULTS.get(m.role, {}).get(kind, How.OFF))) for m in found]
    return [(member, how) for member, how in told if how != How.OFF]
