"""A merchant's past, made inside the database: jobs that ended every way, pictures, decisions, writes and events."""

from __future__ import annotations

import json
import uuid

from django.db import connection

from apps.audit.models import Detail, Event
from apps.catalog.models import Photo, Product
from apps.jobs.models import Attempt, Batch, Job, JobInput, Render
from apps.lib import ids
from apps.lib.insert_select import insert_select
from apps.publishing.models import Publication, Snapshot
from apps.review.models import Decision, Item
from apps.usage.models import Record
from benchmarks.house.fill import ENGINES, MEASURES, SHA, Merchant

# Of a hundred jobs: 3 failed, 2 wait, 1 is being fetched, the rest is done; of a hundred pictures 4 wait for a person
# and 2 were rejected; of a hundred writes one failed and one was taken back.
STATE = """CASE p.id %% 100 WHEN 0 THEN 'failed' WHEN 1 THEN 'quarantined' WHEN 2 THEN 'failed' WHEN 3 THEN 'queued'
    WHEN 4 THEN 'queued' WHEN 5 THEN 'preparing' ELSE 'done' END"""
ITEM_STATE = (
    """CASE WHEN j.id %% 97 < 4 THEN 'pending' WHEN j.id %% 97 < 6 THEN 'rejected' ELSE 'approved' END"""
)


def made(of: Merchant) -> None:
    """One job for each of the merchant's photos, in one batch, over the last thirty days; a second, small batch."""
    batch = _batch(of, "Everything")
    _jobs(of, batch)
    _renders(of)
    _decisions(of)
    _writes(of)
    _events(of)
    for number in range(30):
        _batch(of, f"Batch {number}")


def _batch(of: Merchant, name: str) -> Batch:
    return Batch.objects.create(
        workspace=of.workspace,
        store=of.store,
        recipe_version=of.version,
        name=name,
        idempotency_key=uuid.uuid4().hex,
        created_by="bench",
    )


def _jobs(of: Merchant, batch: Batch) -> None:
    request = SHA.format("'request ' || p.id")
    given = {
        "workspace_id": str(of.workspace.pk),
        "store_id": str(of.store.pk),
        "photo_id": "p.id",
        "recipe_version_id": str(of.version.pk),
        "batch_id": str(batch.pk),
        "once": "'history:' || p.id",
        "lane": "'bulk'",
        "state": STATE,
        "request": request,
        "attempt_count": "1",
        "tries": "1",
        "error_code": f"CASE WHEN {STATE} IN ('failed', 'quarantined') THEN 'truncated' ELSE '' END",
        "created_at": "now() - interval '31 days'",
        "finished_at": f"CASE WHEN {STATE} IN ('done', 'failed', 'quarantined')"
        " THEN now() - (p.id %% 43200) * interval '1 minute' END",
    }
    rows = f"""FROM {Photo._meta.db_table} p JOIN {Product._meta.db_table} q ON q.id = p.product_id
        WHERE q.store_id = %s ORDER BY p.id"""
    insert_select(Job, given, rows, [of.store.pk])
    inputs = {"job_id": "j.id", "photo_id": "j.photo_id", "sha256": "j.request"}
    insert_select(JobInput, inputs, "FROM jobs_job j")
    attempts = {
        "job_id": "j.id",
        "number": "1",
        "token": "gen_random_uuid()",
        "chunk": "gen_random_uuid()",
        "state": "CASE j.state WHEN 'done' THEN 'done' ELSE 'failed' END",
        "worker": "'bench:1'",
        "start_by": "j.finished_at",
        "lease_until": "j.finished_at",
        "started_at": "j.finished_at - interval '1 second'",
        "ended_at": "j.finished_at",
        "device_seconds": "1.1",
    }
    insert_select(Attempt, attempts, "FROM jobs_job j WHERE j.finished_at IS NOT NULL ORDER BY j.id")
    booked = {
        "workspace_id": str(of.workspace.pk),
        "attempt": "a.id",
        "job": "a.job_id",
        "at": "a.ended_at",
        "engine": "'classic/3'",
        "device": "'cpu'",
        "device_seconds": "a.device_seconds",
        "cost_micros": "11",
        "outcome": "a.state",
    }
    insert_select(Record, booked, "FROM jobs_attempt a ORDER BY a.id")


def _renders(of: Merchant) -> None:
    files = (
        "jsonb_build_array(jsonb_build_object('name', 'main', 'key', 'x/' || j.request, 'sha256', j.request,"
        " 'size_bytes', 240000, 'format', 'jpeg', 'width_px', 1600, 'height_px', 1600))"
    )
    given = {
        "workspace_id": str(of.workspace.pk),
        "store_id": str(of.store.pk),
        "request": "j.request",
        "engines": "%s::jsonb",
        "engines_digest": "%s",
        "files": files,
        "measures": "%s::jsonb",
        "seconds": """'{"load": 0.1, "cutout": 0.8, "encode": 0.2}'::jsonb""",
        "confidence": "0.97",
    }
    digest = ids.digest(ENGINES)
    insert_select(
        Render,
        given,
        "FROM jobs_job j WHERE j.state = 'done' ORDER BY j.id",
        given_params=[json.dumps(ENGINES), digest, json.dumps(MEASURES)],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job j SET render_id = r.id FROM jobs_render r"
            " WHERE r.request = j.request AND j.state = 'done' AND r.engines_digest = %s",
            [digest],
        )


def _decisions(of: Merchant) -> None:
    given = {
        "workspace_id": str(of.workspace.pk),
        "job_id": "j.id",
        "render_id": "j.render_id",
        "verdict": "CASE WHEN j.id %% 97 < 6 THEN 'review' ELSE 'approve' END",
        "reasons": "'[\"The cut-out may be wrong.\"]'::jsonb",
        "state": ITEM_STATE,
        "decided_at": "j.finished_at",
    }
    rows = "FROM jobs_job j WHERE j.state = 'done' ORDER BY j.id"
    insert_select(Item, given, rows)
    decided = {
        "item_id": "i.id",
        "actor": "'policy'",
        "approved": "i.state = 'approved'",
        "override": "false",
    }
    insert_select(Decision, decided, "FROM review_item i WHERE i.state <> 'pending' ORDER BY i.id")


def _writes(of: Merchant) -> None:
    given = {
        "workspace_id": str(of.workspace.pk),
        "store_id": str(of.store.pk),
        "product_id": "p.product_id",
        "photo_id": "p.id",
        "item_id": "i.id",
        "render_id": "i.render_id",
        "requested_by": "'policy'",
        "media_id": "(700000 + i.id)::text",
        "work_state": "CASE WHEN i.id %% 89 = 7 THEN 'failed' ELSE 'done' END",
        "published_at": "CASE WHEN i.id %% 89 <> 7 THEN i.decided_at END",
        "undone_at": "CASE WHEN i.id %% 89 = 8 THEN i.decided_at END",
    }
    rows = """FROM review_item i JOIN jobs_job j ON j.id = i.job_id JOIN catalog_photo p ON p.id = j.photo_id
        WHERE i.state = 'approved' ORDER BY i.id"""
    insert_select(Publication, given, rows)
    before = {"publication_id": "w.id", "images": "'[]'::jsonb"}
    insert_select(Snapshot, before, "FROM publishing_publication w ORDER BY w.id")


def _events(of: Merchant) -> None:
    given = {
        "at": "j.finished_at",
        "workspace": str(of.workspace.pk),
        "verb": "'photo.rendered'",
        "actor": "'system'",
        "subject": "'job:' || j.id",
        "refs": "jsonb_build_object('photo', j.photo_id)",
        "digest": "j.request",
    }
    insert_select(Event, given, "FROM jobs_job j WHERE j.finished_at IS NOT NULL ORDER BY j.id")
    told = {"event_id": "e.id", "salt": "'0'", "body": "'{\"confidence\": 0.97}'::jsonb"}
    insert_select(
        Detail,
        told,
        "FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_detail d WHERE d.event_id = e.id)",
    )
