"""What the database says: work without an end, attempts and what was booked for them, keys of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

Db = psycopg.Connection[Any]

_UNENDED = (
    ("job", "SELECT id, state FROM jobs_job WHERE state IN ('preparing', 'queued', 'dispatched', 'running')"),
    ("attempt", "SELECT id, state FROM jobs_attempt WHERE state IN ('dispatched', 'running')"),
    ("preparation", "SELECT id, work_state FROM jobs_preparation WHERE work_state IN ('waiting', 'running')"),
    ("delivery", "SELECT id, work_state FROM ingest_delivery WHERE work_state IN ('waiting', 'running')"),
    (
        "publication",
        "SELECT id, work_state FROM publishing_publication WHERE work_state IN ('waiting', 'running')",
    ),
    ("undo", "SELECT id, work_state FROM publishing_undo WHERE work_state IN ('waiting', 'running')"),
    ("reservation of attempt", "SELECT attempt, 'never settled' FROM usage_reservation"),
)
# A failure without a sentence that tells a person why is none that may be called proper.
_SPEECHLESS = """
SELECT 'job', id FROM jobs_job WHERE state IN ('failed', 'quarantined') AND (error = '' OR finished_at IS NULL)
UNION ALL SELECT 'publication', id FROM publishing_publication WHERE work_state = 'failed' AND error = ''
UNION ALL SELECT 'undo', id FROM publishing_undo WHERE work_state = 'failed' AND error = ''
"""
_DROPPED = """
SELECT 'job ' || j.id || ' is done but nobody judged it' FROM jobs_job j
 WHERE j.state = 'done' AND NOT EXISTS (SELECT 1 FROM review_item i WHERE i.job_id = j.id)
UNION ALL
SELECT 'item ' || i.id || ' was approved but never published' FROM review_item i
 WHERE i.state = 'approved' AND NOT EXISTS (SELECT 1 FROM publishing_publication p WHERE p.item_id = i.id)
UNION ALL
SELECT 'publication ' || p.id || ' is done but was never shown' FROM publishing_publication p
 WHERE p.work_state = 'done' AND p.published_at IS NULL
UNION ALL
SELECT 'publication ' || p.id || ' was undone but does not say so' FROM publishing_undo u
 JOIN publishing_publication p ON p.id = u.publication_id WHERE u.work_state = 'done' AND p.undone_at IS NULL
"""
_FAILED = """
SELECT 'job ' || id || ' ' || state || ': ' || error FROM jobs_job WHERE state IN ('failed', 'quarantined', 'cancelled')
UNION ALL SELECT 'publication ' || id || ': ' || error FROM publishing_publication WHERE work_state = 'failed'
UNION ALL SELECT 'undo of publication ' || publication_id || ': ' || error FROM publishing_undo
 WHERE work_state = 'failed'
"""
_BOOKED_TWICE = "SELECT attempt, count(*) FROM usage_record GROUP BY attempt HAVING count(*) > 1"
# Whatever began has a row, were it one that cost nothing.
_NOT_BOOKED = """
SELECT a.id, a.state FROM jobs_attempt a
WHERE (a.started_at IS NOT NULL OR a.state IN ('done', 'failed')) AND a.state NOT IN ('dispatched', 'running')
  AND NOT EXISTS (SELECT 1 FROM usage_record r WHERE r.attempt = a.id)
"""
_BOOKED_FROM_NOWHERE = """
SELECT r.attempt FROM usage_record r WHERE NOT EXISTS (SELECT 1 FROM jobs_attempt a WHERE a.id = r.attempt)
"""
_KEYS = """
SELECT key FROM catalog_photo WHERE key <> '' UNION SELECT key FROM jobs_jobinput WHERE key <> ''
UNION SELECT replaced_key FROM publishing_snapshot WHERE replaced_key <> ''
UNION SELECT file ->> 'key' FROM jobs_render r, jsonb_array_elements(r.files) file
"""
_LEDGER = """
SELECT media_id FROM stores_writtenmedia w JOIN stores_store s ON s.id = w.store_id WHERE s.url = %(url)s
UNION SELECT media_id FROM publishing_publication p JOIN stores_store s ON s.id = p.store_id
 WHERE s.url = %(url)s AND media_id <> ''
UNION SELECT f.media_id FROM catalog_photo f JOIN catalog_product p ON p.id = f.product_id
 JOIN stores_store s ON s.id = p.store_id WHERE s.url = %(url)s
UNION SELECT n.replaced_id FROM publishing_snapshot n JOIN publishing_publication p ON p.id = n.publication_id
 JOIN stores_store s ON s.id = p.store_id WHERE s.url = %(url)s
"""
_PHOTOS = """
SELECT p.external_id, f.sha256, f.id, j.state, j.error, live.sha256
FROM stores_store s JOIN catalog_product p ON p.store_id = s.id JOIN catalog_photo f ON f.product_id = p.id
LEFT JOIN LATERAL (
    SELECT state, error FROM jobs_job WHERE photo_id = f.id ORDER BY state = 'done' DESC, id DESC LIMIT 1) j ON true
LEFT JOIN LATERAL (
    SELECT main ->> 'sha256' AS sha256
    FROM publishing_publication b JOIN jobs_render r ON r.id = b.render_id, jsonb_array_elements(r.files) main
    WHERE b.photo_id = f.id AND b.published_at IS NOT NULL AND b.undone_at IS NULL AND main ->> 'name' = 'main'
    ORDER BY b.published_at DESC LIMIT 1) live ON true
WHERE s.url = %(url)s AND NOT f.ours
"""


@dataclass(frozen=True)
class Photo:
    """One of the merchant's photos as the rows tell it. `shown_sha256` is what its place in the product must serve."""

    pk: int
    sha256: str
    job_state: str
    job_error: str
    live_sha256: str

    @property
    def shown_sha256(self) -> str:
        return self.live_sha256 or self.sha256


def lost(db: Db) -> Iterator[str]:
    for what, sql in _UNENDED:
        yield from (f"{what} {pk}: {state}" for pk, state in db.execute(sql))
    yield from (f"{what} {pk} failed without a word" for what, pk in db.execute(_SPEECHLESS))
    yield from (sentence for (sentence,) in db.execute(_DROPPED))


def failed(db: Db) -> Iterator[str]:
    yield from (sentence for (sentence,) in db.execute(_FAILED))


def booked_twice(db: Db) -> Iterator[str]:
    yield from (f"attempt {pk} has {rows} usage rows" for pk, rows in db.execute(_BOOKED_TWICE))


def not_booked(db: Db) -> Iterator[str]:
    yield from (f"attempt {pk} ({state}) ran and nothing was booked" for pk, state in db.execute(_NOT_BOOKED))
    yield from (f"booked for attempt {pk}, which is not there" for (pk,) in db.execute(_BOOKED_FROM_NOWHERE))


def keys(db: Db) -> set[str]:
    """Storage keys that some row names."""
    return {key for (key,) in db.execute(_KEYS)}


def ledger(db: Db, store_url: str) -> set[str]:
    """Media ids of a store that some row names."""
    return {media for (media,) in db.execute(_LEDGER, {"url": store_url})}


def photos(db: Db, store_url: str) -> dict[str, list[Photo]]:
    """The merchant's photos by product, as far as the mirror knows them."""
    found: dict[str, list[Photo]] = {}
    for product, sha256, pk, state, error, live in db.execute(_PHOTOS, {"url": store_url}):
        photo = Photo(pk, sha256, state or "", error or "", live or "")
        found.setdefault(product, []).append(photo)
    return found
