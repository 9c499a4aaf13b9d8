"""Work that a row stands for: who may do it, until when, how often it was tried.

A task message is only a hint. Whoever claims the row by conditional update does the work; a claim ends with its
lease, and every later write names the claim's token, so a process that lost its lease changes nothing.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.lib.errors import LostRace
from apps.lib.update_row import update_row


def backoff_s(tries: int, *, base_s: float = 2.0, cap_s: float = 600.0) -> float:
    """Exponential back-off with full jitter in its upper half: 1–2, 2–4, 4–8 … seconds, at most `cap_s`
    and the setting BACKOFF_CAP_S."""
    top = min(cap_s, settings.BACKOFF_CAP_S, base_s * 2 ** max(0, tries - 1))
    return top * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load, not a secret


# As `Work.free` has it. Written out: it is the first thing that happens to every piece of work.
_CLAIM = """
UPDATE "{table}" SET work_state = 'running', lease_until = %(until)s, lease_token = %(token)s, tries = tries + 1
WHERE id = %(pk)s AND ((work_state = 'waiting' AND not_before <= %(now)s)
                       OR (work_state = 'running' AND lease_until < %(now)s))
RETURNING *
"""


class WorkState(models.TextChoices):
    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class Work(models.Model):
    """Abstract. `not_before` holds it back, `lease_until` ends a claim, `hint_after` paces the sweeper."""

    work_state = models.CharField(max_length=8, choices=WorkState, default=WorkState.WAITING)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    hint_after = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        abstract = True

    @classmethod
    def free(cls) -> Q:
        """Rows that may be claimed now."""
        now = timezone.now()
        return Q(work_state=WorkState.WAITING, not_before__lte=now) | Q(
            work_state=WorkState.RUNNING, lease_until__lt=now
        )

    @classmethod
    def claim(cls, pk: int) -> Self | None:
        """Take the row if it is free, for WORK_LEASE_S; None if it is done, held back or somebody else's."""
        now = timezone.now()
        told = {"pk": pk, "now": now, "until": _lease_end(), "token": uuid.uuid4()}
        return next(iter(cls._default_manager.raw(_CLAIM.format(table=cls._meta.db_table), told)), None)

    @classmethod
    def claim_all(cls, wanted: Q, *related: str) -> list[Self]:
        """Take all of these that are free, under one token, in the order of their ids, with the `related` rows."""
        token = uuid.uuid4()
        taken = cls._default_manager.filter(cls.free(), wanted).update(
            work_state=WorkState.RUNNING,
            lease_until=_lease_end(),
            lease_token=token,
            tries=F("tries") + 1,
        )
        if not taken:
            return []
        mine = cls._default_manager.filter(wanted, lease_token=token)
        return list(mine.select_related(*related).order_by("pk"))

    def _move(self, **changes: Any) -> None:
        mine = {"lease_token": self.lease_token, "work_state": WorkState.RUNNING}
        if not update_row(type(self), self.pk, changes, where=mine):
            raise LostRace(f"{self._meta.label} {self.pk}: the lease ended")
        for name, value in changes.items():
            setattr(self, name, value)

    def renew(self, **changes: Any) -> None:
        """Keep the claim through a long step, and how far it got. Raises LostRace when it is already gone."""
        self._move(lease_until=_lease_end(), **changes)

    def finish(self, **changes: Any) -> None:
        self._move(work_state=WorkState.DONE, lease_until=None, error="", **changes)

    def give_up(self, error: str, **changes: Any) -> None:
        self._move(work_state=WorkState.FAILED, lease_until=None, error=error[:2000], **changes)

    def later(self, after_s: float, error: str = "", *, a_try: bool = True) -> None:
        """Hand the row back. `a_try=False` where waiting was nobody's failure."""
        at = timezone.now() + dt.timedelta(seconds=after_s)
        self._move(
            work_state=WorkState.WAITING,
            lease_until=None,
            not_before=at,
            hint_after=at,
            error=error[:2000],
            tries=self.tries if a_try else max(0, self.tries - 1),
        )

    @classmethod
    def hints(cls, limit: int = 200) -> list[int]:
        """Ids the sweeper should wake now; each comes up again only after HINT_EVERY_S."""
        now = timezone.now()
        due = list(
            cls._default_manager.filter(cls.free(), hint_after__lte=now)
            .order_by("hint_after")
            .values_list("pk", flat=True)[:limit]
        )
        cls._default_manager.filter(pk__in=due).update(
            hint_after=now + dt.timedelta(seconds=settings.HINT_EVERY_S)
        )
        return due


def _lease_end() -> dt.datetime:
    return timezone.now() + dt.timedelta(seconds=settings.WORK_LEASE_S)
