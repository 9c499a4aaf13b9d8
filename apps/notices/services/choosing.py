"""What members say about mail: by the page, or by the switch in each mail, which needs no login."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.db import transaction

from apps.accounts.models import Member
from apps.audit import services as audit
from apps.lib.errors import BadRequest
from apps.notices import selectors
from apps.notices.models import How, Kind, Preference

_SALT = "vitrine.notices.off"


@dataclass(frozen=True)
class Switch:
    """What the address in a mail switches off: these kinds for this member."""

    member: Member
    kinds: list[str]

    @property
    def labels(self) -> list[str]:
        return [str(Kind(kind).label) for kind in self.kinds]


@transaction.atomic
def choose(member: Member, wishes: Mapping[str, str], *, by: str) -> bool:
    """Set how a member hears of kinds. Returns whether anything changed. Raises BadRequest."""
    if not set(wishes) <= set(Kind.values) or not set(wishes.values()) <= set(How.values):
        raise BadRequest("There is no such choice.")
    before = selectors.wishes(member)
    new = {kind: how for kind, how in wishes.items() if before[kind] != how}
    for kind, how in new.items():
        Preference.objects.update_or_create(member=member, kind=kind, defaults={"how": how})
    if new:
        audit.record("notices.chosen", workspace=member.workspace_id, actor=by, chosen=new)
    return bool(new)


def off_url(member: Member, kinds: Iterable[str]) -> str:
    """The address that switches these kinds off. It never expires: old mails are the ones people are tired of."""
    token = signing.dumps([member.pk, sorted(kinds)], salt=_SALT)
    return f"{settings.PUBLIC_URL}/mail/off/{token}/"


def switch(token: str) -> Switch | None:
    """None for a forged address, or one of somebody who is no member any more."""
    try:
        pk, kinds = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    member = Member.objects.select_related("workspace", "user").filter(pk=pk).first()
    return Switch(member, [kind for kind in kinds if kind in Kind.values]) if member else None


def switch_off(this: Switch, *, everything: bool = False) -> bool:
    """Safe to do twice. Returns whether anything changed."""
    kinds = Kind.values if everything else this.kinds
    return choose(this.member, dict.fromkeys(kinds, How.OFF.value), by=f"user:{this.member.user_id}")
