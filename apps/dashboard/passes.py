"""Files for a page that has no cookies: the address of a picture carries what lets its own member see it.

A pass is good for one path, for one member, for reading, and for hours: it is signed with SECRET_KEY. It stays the same
for some hours, so that browsers keep what they have.
"""

from __future__ import annotations

import time

from django.core.signing import Signer
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.accounts.models import Member

NAME = "pass"
# Names of addresses below "dashboard" that answer with a file.
FILES = frozenset({"photo", "render-file", "usage-csv", "privacy-record"})
STEADY_S = 6 * 3600


def passed(request: HttpRequest | None, address: str) -> str:
    """`address` (a path of ours, with or without a query) as the page of this request may name it: with a pass inside
    a frame, unchanged elsewhere."""
    inside = getattr(request, "inside", None)
    if inside is None or not address:
        return address
    until = (int(time.time()) // STEADY_S + 2) * STEADY_S
    path = address.partition("?")[0]
    sign = "&" if "?" in address else "?"
    return f"{address}{sign}{NAME}={inside.member.pk}.{until}.{_signature(path, inside.member.pk, until)}"


def bearer(request: HttpRequest) -> Member | None:
    """Whom the pass in the address of this request was given to; None where it is missing, wrong or too old."""
    member_id, _, rest = request.GET.get(NAME, "").partition(".")
    until, _, signature = rest.partition(".")
    if not (member_id.isdecimal() and until.isdecimal() and len(until) < 12 and len(member_id) < 19):
        return None
    # request.path has what browsers unquoted; addresses of files have nothing to quote.
    right = _signature(request.path, int(member_id), int(until))
    if not constant_time_compare(signature, right) or int(until) < time.time():
        return None
    return Member.objects.select_related("user").filter(pk=int(member_id), user__is_active=True).first()


def _signature(path: str, member: int, until: int) -> str:
    return Signer(salt="vitrine.pass").signature(f"{path}|{member}|{until}")
