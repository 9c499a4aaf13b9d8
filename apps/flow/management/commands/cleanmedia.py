"""`manage.py cleanmedia STORE`: files of ours in a store's media library that no product shows any more.

With --yes they are deleted there, now, in this process. Our own copies stay.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser

from apps.flow import takingback
from apps.flow.management.door import Door, store_from
from apps.lib.errors import NotAllowed
from apps.lib.sizes import human
from apps.lib.work import WorkState
from apps.publishing import unused
from apps.publishing.models import Cleaning, Publication
from apps.publishing.services import cleaning

LISTED = 200
PATIENCE_S = 30.0
LOOK_EVERY_S = 1.0


class Command(Door):
    help = "List files of ours in a store's media library that no product shows any more, and with --yes delete them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument("--yes", action="store_true", help="delete them; without it they are only listed")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        if not options["yes"]:
            return _listed(store.pk, cleaning.hindrance(store))
        if reason := cleaning.hindrance(store):
            raise NotAllowed(reason)
        row, _ = takingback.clean(store, by=self.actor)
        row = _carried_out(row)
        kept = [
            {"file": one.written.stem, "media": one.written.media_id, "why": one.why}
            for one in row.files.filter(deleted=False).select_related("written")[:LISTED]
        ]
        answer = {
            "cleaning": row.pk,
            "state": row.work_state,
            "deleted": row.deleted,
            "deleted_bytes": row.deleted_bytes,
            "kept": kept,
            "error": row.error,
        }
        words = f"Deleted {row.deleted} of {row.total} files ({human(row.deleted_bytes)}); {row.kept} stay."
        words += "".join(f"\n{one['file']} stays: {one['why']}" for one in kept)
        return answer, words + (f"\n{row.error}" if row.error else "")


def _listed(store: int, hindrance: str) -> tuple[dict[str, Any], str]:
    found = unused.unused(store)
    rows = list(found[:LISTED])
    made_for = Publication.objects.select_related("product").in_bulk(
        [r.publication for r in rows if r.publication]
    )
    files = [
        {
            "file": row.stem,
            "media": row.media_id,
            "sha256": row.sha256,
            "product": made_for[row.publication].product.title,
            "why": unused.why(made_for[row.publication]),
        }
        for row in rows
        if row.publication
    ]
    total, size_bytes = found.count(), unused.size_bytes(store)
    words = [f"{total} files of ours that nothing shows any more, {human(size_bytes)} together."]
    words += [f"{f['file']} ({f['product']}): {f['why']}" for f in files]
    words.append(hindrance or "Add --yes to delete them from the store.")
    return {"files": files, "total": total, "size_bytes": size_bytes, "hindrance": hindrance}, "\n".join(
        words
    )


def _carried_out(row: Cleaning) -> Cleaning:
    """Until it has ended, or nothing has moved for a while: the workers go on then."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < PATIENCE_S:
        takingback.cleaned(row.pk)
        row = Cleaning.objects.get(pk=row.pk)
        if row.work_state in {WorkState.DONE, WorkState.FAILED}:
            break
        if row.cursor != seen:
            seen, since = row.cursor, time.monotonic()
        else:
            time.sleep(LOOK_EVERY_S)
    return row
