"""Merchants with large catalogues and long queues, made inside the database: rows as they look after real work."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Member, Role, User, Workspace
from apps.catalog.models import Photo, Product
from apps.jobs.models import Batch, Job, JobInput, Render, Worker
from apps.jobs.preflight import request_digest
from apps.lib import ids
from apps.lib.insert_select import insert_select
from apps.recipes import services as recipes
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store

ENGINES = {"cutout": "classic/3", "compose": "classic/1"}
MEASURES: dict[str, float | int | str | bool] = {
    "width_px": 1600,
    "height_px": 1600,
    "format": "jpeg",
    "size_bytes": 240_000,
    "border_white_share": 1.0,
    "fill": 0.85,
    "centring_offset": 0.002,
    "fidelity_levels_max": 0,
    "fidelity_delta_e_p95": 0.31,
    "sharpness": 210.0,
    "touches_frame": 0.0,
}
SHA = "encode(sha256(convert_to({}, 'UTF8')), 'hex')"


@dataclass(frozen=True)
class Merchant:
    """A workspace with one store and one recipe."""

    workspace: Workspace
    store: Store
    version: RecipeVersion

    @property
    def ids(self) -> dict[str, int]:
        """To hand over to another process."""
        return {"store": self.store.pk, "version": self.version.pk}


def merchant(name: str, *, platform: str = "woocommerce") -> Merchant:
    """With an owner of the same name. The store is on no network: nothing here connects to it."""
    workspace = Workspace.objects.create(name=name)
    owner = User.objects.create(username=name)
    Member.objects.create(user=owner, workspace=workspace, role=Role.OWNER)
    store = Store.objects.create(
        workspace=workspace,
        platform=platform,
        name=name,
        url=f"https://{name}.invalid",
        credentials={"key": "ck", "secret": "cs", "user": "", "app_password": ""},
        hook_secret=ids.token(),
        about={"version": "10.3", "can_write": True, "can_webhook": True, "notes": []},
    )
    version = recipes.create(
        workspace, name="White packshot", body=recipes.WHITE_PACKSHOT, by="bench", automatic=True
    )
    return Merchant(workspace, store, version)


def found(store: int, version: int) -> Merchant:
    """A merchant that another process made."""
    row = Store.objects.select_related("workspace").get(pk=store)
    return Merchant(row.workspace, row, RecipeVersion.objects.select_related("recipe").get(pk=version))


def worker(name: str = "bench:1", *, slots: int = 1) -> Worker:
    return Worker.objects.create(
        name=name, capability="cpu", region="local", slots=slots, engines=ENGINES, beat_at=timezone.now()
    )


def catalogue(of: Merchant, *, products: int, photos: int, fetched: bool = True) -> None:
    """So many more products with so many photos in all, spread evenly; each photo has bytes of its own."""
    last = Product.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert_select(
        Product,
        {
            "store_id": str(of.store.pk),
            "external_id": "(%s + n)::text",
            "title": "'Product ' || n",
            "status": "'publish'",
            "type": "'simple'",
            "sku": "'SKU-' || n",
            "vendor": "'Vendor ' || n %% 40",
            "categories": "jsonb_build_array('Category ' || n %% 60)",
            "tags": "jsonb_build_array('tag ' || n %% 90)",
            "modified_at": "now() - n * interval '1 minute'",
        },
        "FROM generate_series(1, %s) n",
        [products],
        given_params=[last],
    )
    each = -(-photos // products)
    given = {
        "product_id": "p.id",
        "media_id": "(p.id * 100 + k)::text",
        "position": "k",
        "src": "'https://shop.invalid/wp-content/uploads/' || p.id || '-' || k || '.jpg'",
    }
    if fetched:
        hashed = SHA.format("'photo ' || p.id || ' ' || k")
        given |= {
            "sha256": hashed,
            "key": f"'{of.workspace.pk}/{of.store.pk}/originals/' || {hashed} || '.jpg'",
            "bytes": "500000",
            "width_px": "2400",
            "height_px": "1800",
        }
    rows = """FROM catalog_product p, generate_series(0, %s) k WHERE p.store_id = %s AND p.id > %s
        ORDER BY p.id, k LIMIT %s"""
    insert_select(Photo, given, rows, [each - 1, of.store.pk, last, photos])


def renders(of: Merchant, *, every: int) -> int:
    """Every so manieth photo was rendered before with this recipe: its picture is in the cache."""
    known = (
        Photo.objects.filter(product__store=of.store)
        .order_by("pk")
        .annotate(asked=request_digest(of.version, F("sha256")))
        .values("id", "asked", "sha256")
    )
    sql, params = known.query.sql_with_params()
    files = (
        "jsonb_build_array(jsonb_build_object('name', 'main', 'key', 'x/' || p.sha256, 'sha256', p.sha256,"
        " 'size_bytes', 240000, 'format', 'jpeg', 'width_px', 1600, 'height_px', 1600))"
    )
    given = {
        "workspace_id": str(of.workspace.pk),
        "store_id": str(of.store.pk),
        "request": "p.asked",
        "engines": "%s::jsonb",
        "engines_digest": "%s",
        "files": files,
        "measures": "%s::jsonb",
        "confidence": "0.97",
    }
    return insert_select(
        Render,
        given,
        f"FROM ({sql}) p WHERE p.id %% %s = 0",
        [*params, every],
        given_params=[json.dumps(ENGINES), ids.digest(ENGINES), json.dumps(MEASURES)],
    )


def queued(of: Merchant, count: int, *, lane: str = "bulk", batched: bool = True) -> Batch | None:
    """So many of the store's newest photos wait for a worker, fetched and hashed."""
    batch = None
    if batched:
        batch = Batch.objects.create(
            workspace=of.workspace,
            store=of.store,
            recipe_version=of.version,
            name="Everything",
            idempotency_key=uuid.uuid4().hex,
            created_by="bench",
        )
    photos = Photo.objects.filter(product__store=of.store).order_by("-pk")
    sql, params = (
        photos.annotate(asked=request_digest(of.version, F("sha256")))
        .values("id", "asked", "revision", "sha256", "key")[:count]
        .query.sql_with_params()
    )
    given = {
        "workspace_id": str(of.workspace.pk),
        "store_id": str(of.store.pk),
        "photo_id": "p.id",
        "photo_revision": "p.revision",
        "recipe_version_id": str(of.version.pk),
        "batch_id": str(batch.pk) if batch else "NULL",
        "once": f"'{uuid.uuid4().hex}:' || p.id",
        "lane": f"'{lane}'",
        "state": "'queued'",
        "request": "p.asked",
        "size_class": "3",
    }
    # The subquery is our own, its values are parameters.
    first = Job.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert_select(Job, given, f"FROM ({sql}) p ORDER BY p.id", params)
    inputs = {"job_id": "j.id", "photo_id": "f.id", "sha256": "f.sha256", "key": "f.key"}
    insert_select(
        JobInput, inputs, "FROM jobs_job j JOIN catalog_photo f ON f.id = j.photo_id WHERE j.id > %s", [first]
    )
    return batch


def tidy() -> None:
    """What the planner has to know of the new rows."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
