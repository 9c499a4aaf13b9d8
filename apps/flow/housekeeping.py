"""What happens by the clock: polling stores, checking their webhooks, deleting files that nobody needs."""

from __future__ import annotations

import datetime as dt

import structlog
from django.conf import settings
from django.utils import timezone

from apps.automation.services import acting
from apps.catalog import services as catalog
from apps.flow import hints, retention
from apps.jobs.models import LIVE_ATTEMPTS, Attempt
from apps.jobs.services import mattes
from apps.lib import blobs
from apps.lib.errors import Retry
from apps.storage.services import survey
from apps.stores import approving, installing
from apps.stores import selectors as stores_selectors
from apps.stores import services as stores
from connectors.errors import ConnectorError

log = structlog.get_logger(__name__)

SWEEP_AT_ONCE = 2000


def poll_stores() -> None:
    """Webhooks get lost, and a store may not reach us at all: ask each for what changed since its watermark.

    Once in a while for everything: what was deleted for good, or changed without its date, shows nowhere else.
    """
    every = dt.timedelta(seconds=settings.RECONCILE_STORES_S)
    for store in stores_selectors.active():
        sync, new = catalog.ask_sync(store, by="system", changes_only=not catalog.full_sync_due(store, every))
        if new:
            hints.hint("flow.sync", sync.pk)


def check_webhooks() -> None:
    """A store switches a webhook off after seven failures; make it anew. What our keys may do changes too: a password
    that was taken back means that pictures go by address from now on."""
    for store in stores_selectors.active():
        try:
            stores.probe(store)
            stores.listen(store)
        except ConnectorError as error:
            stores.note_problem(store, f"Webhooks could not be checked: {error.message}", broken=False)


def tidy_storage() -> None:
    """Let go what is kept no longer, count what is there, delete what nobody has named for the grace time."""
    retention.tidy()
    try:
        report = survey.survey(delete=True)
    except Retry as error:
        log.info("storage_not_tidied", reason=error.message)
        return
    if report.deleted:
        log.info("storage_tidied", files=report.deleted, size_bytes=report.deleted_bytes)


def sweep_files() -> None:
    """Files of attempts that ended otherwise than by an accepted result, and kept cut-outs of no use for long."""
    lately = timezone.now() - dt.timedelta(days=1)
    # Older ones are met by the walk over the storage.
    ended = (
        Attempt.objects.exclude(state__in=LIVE_ATTEMPTS)
        .filter(ended_at__gte=lately)
        .select_related("job")
        .order_by("-pk")
    )
    dropped = sum(blobs.drop(attempt.prefix) for attempt in ended[:SWEEP_AT_ONCE])
    if dropped:
        log.info("files_swept", files=dropped)
    forgotten = mattes.forget_unused()
    if forgotten:
        log.info("mattes_swept", mattes=forgotten)


def forget() -> None:
    """Rows that told enough: syncs with their drift, what rules did, and approvals that ended, after 90 days."""
    log.info(
        "forgotten",
        syncs=catalog.forget_syncs(),
        triggers=acting.forget(),
        approvals=approving.forget(),
        installs=installing.forget(),
    )
