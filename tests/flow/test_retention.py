"""What is kept no longer, what is kept for ever, and that a picture which was let go can be made again."""

from __future__ import annotations

import datetime as dt
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from apps.catalog.models import Photo, Product
from apps.flow import flow, retention
from apps.jobs.models import Job, JobInput, Render
from apps.lib.walk import walk
from apps.publishing.models import Publication, Snapshot
from apps.recipes.selectors import automatic
from apps.review.models import Item
from apps.storage.services import keeping
from apps.storage.services.survey import survey
from tests import factories
from tests.dashboard.merchants import Merchant, open_for_business
from tests.shopkeeping import Shop

LONG_AGO = dt.timedelta(days=400)


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


@pytest.fixture
def merchant(db: None, storage_root: Path, redis_url: str) -> Merchant:
    """Everything this merchant has is more than a year old."""
    merchant = open_for_business("Northlight")
    merchant.product_in_review("Kettle", state="rejected", decided_at=timezone.now() - LONG_AGO)
    then = timezone.now() - LONG_AGO
    Render.objects.update(created_at=then)
    Job.objects.update(created_at=then, finished_at=then)
    for file in walk():
        os.utime(default_storage.path(file.key), (0, 0))
    return merchant


def files_left() -> set[str]:
    survey(delete=True, grace=dt.timedelta(0))
    return {f.key for f in walk()}


def test_a_dry_run_tells_and_changes_nothing(merchant: Merchant) -> None:
    told = run("retention", "--dry-run", "--workspace", str(merchant.workspace.pk))
    assert {r["rule"]: r["rows"] for r in told["rules"]} == {"rejected": 1}
    assert told["size_bytes"] > 0
    assert not Render.objects.filter(files=[]).exists()


def test_a_rejected_picture_goes_after_its_time_and_all_that_waits_or_is_live_stays(
    merchant: Merchant,
) -> None:
    rejected = Item.objects.get(state="rejected").render
    run("retention")
    gone = set(Render.objects.filter(files=[]).values_list("pk", flat=True))
    assert gone == {rejected.pk}
    kept = {merchant.waiting.render_id, merchant.live.render_id, merchant.failed_write.render_id}
    assert not gone & kept
    left = files_left()
    for publication in Publication.objects.all():
        assert publication.render.file("main")["key"] in left
    assert set(Snapshot.objects.values_list("replaced_key", flat=True)) <= left
    assert set(Photo.objects.exclude(key="").values_list("key", flat=True)) <= left
    assert not {f["key"] for f in rejected.files} & left


def test_a_picture_that_was_rejected_lately_stays(merchant: Merchant) -> None:
    Item.objects.filter(state="rejected").update(decided_at=timezone.now())
    Job.objects.filter(item__state="rejected").update(finished_at=timezone.now())
    assert run("retention")["rows"] == 0
    keeping.change(merchant.workspace, {"rejected_days": 1}, by="test")
    Item.objects.filter(state="rejected").update(decided_at=timezone.now() - dt.timedelta(days=2))
    assert run("retention")["rows"] == 1


def test_an_undone_picture_goes_once_nobody_used_it_for_long(merchant: Merchant) -> None:
    Publication.objects.filter(pk=merchant.live.pk).update(undone_at=timezone.now())
    run("retention")
    assert Render.objects.get(pk=merchant.live.render_id).files == []


def test_originals_of_a_deleted_product_go_but_not_what_an_undo_would_put_back(merchant: Merchant) -> None:
    live, plain = merchant.live.product, merchant.failed_job.photo.product
    for product in (live, plain):
        Product.objects.filter(pk=product.pk).update(present=False, seen_at=timezone.now() - LONG_AGO)
    present = merchant.waiting.job.photo.key
    told = run("retention")
    assert {r["rule"]: r["rows"] for r in told["rules"]}["gone"] == 2
    assert not JobInput.objects.filter(photo=merchant.failed_job.photo).exclude(key="").exists()
    left = files_left()
    assert merchant.live.snapshot.replaced_key in left, (
        "the undo of a live picture works whenever it is asked"
    )
    assert merchant.failed_job.photo.key not in left
    assert present in left


def test_a_product_that_went_lately_keeps_its_originals(merchant: Merchant) -> None:
    Product.objects.update(present=False)
    assert "gone" not in {r["rule"] for r in run("retention")["rules"]}


def test_a_picture_that_was_let_go_is_made_again_when_it_is_asked_for(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.work()
    [publication] = shop.publications()
    flow.undo(publication, by="test")
    shop.work()
    factories.WorkerFactory(engines=publication.render.engines)
    Render.objects.update(created_at=timezone.now() - LONG_AGO)
    Job.objects.update(finished_at=timezone.now() - LONG_AGO)
    [told] = retention.tidy(shop.workspace.pk)
    assert (told.rule, told.rows) == ("unused", 1)
    version = automatic(shop.workspace.pk)
    assert version
    flow.regenerate(shop.store, version, name="again", key="again", by="test")
    shop.work()
    assert shop.rendered == 2, "the cache had nothing to give"
    [render] = Render.objects.all()
    assert default_storage.exists(render.file("main")["key"])


def test_the_storage_command_checks_sweeps_and_sets_a_budget(merchant: Merchant) -> None:
    told = run("storage", "check")
    assert told["ok"] and told["missing"] == 0 and told["level"] == "ok"
    assert {h["kind"] for h in told["holdings"]} == {"originals", "renders"}
    default_storage.save("1/2/originals/lost.jpg", ContentFile(b"x"))
    os.utime(default_storage.path("1/2/originals/lost.jpg"), (0, 0))
    assert run("storage", "sweep", "--dry-run", "--grace-hours", "0")["due"] == 1
    assert run("storage", "sweep", "--grace-hours", "0")["deleted"] == 1
    name = str(merchant.workspace.pk)
    assert run("storage", "budget", "--workspace", name, "--bytes", "1kB")["level"] == "stop"
    assert run("storage", "budget", "--workspace", name, "--bytes", "none")["budget_bytes"] is None
    default_storage.delete(merchant.live.photo.key)
    with pytest.raises(SystemExit):
        run("storage", "check")
