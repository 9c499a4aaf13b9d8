"""A store whose platform takes no pictures yet: what is approved is kept here, said so, and can be downloaded."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.audit.models import Event
from apps.catalog.models import Product
from apps.flow import flow
from apps.jobs.models import Batch, JobState
from apps.lib.errors import NotAllowed
from apps.publishing.models import Publication
from apps.publishing.services import asking
from apps.review.models import Item, ItemState
from tests.dashboard.merchants import log_in
from tests.flow.test_access_that_is_taken_back import batch
from tests.shopify_app import TwinConnector
from tests.shopkeeping import Shop, photo


@pytest.fixture
def kept(teahouse: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """One pot whose picture was rendered and approved by policy."""
    monkeypatch.setattr(TwinConnector, "writes", False)
    teahouse.remote.add_product("Pot", [photo("#2b4a7f")])
    teahouse.carry()
    batch(teahouse)
    teahouse.work()
    assert Item.objects.get().state == ItemState.APPROVED
    return teahouse


def test_an_approved_picture_waits_here_and_the_store_stays_as_it_is(kept: Shop) -> None:
    assert not Publication.objects.exists()
    assert {"upload", "set_images"}.isdisjoint(kept.remote.calls)
    assert not Event.objects.filter(verb="publication.asked").exists()


def test_the_products_page_says_so_and_gives_the_picture_away(kept: Shop) -> None:
    client = log_in(kept.workspace, "reviewer")
    page = client.get(reverse("dashboard:product", args=[Product.objects.get().pk])).content.decode()
    assert "Approved, kept here" in page and "put into Shopify stores yet" in page
    address = page.partition("Download the picture")[0].rpartition('href="')[2].partition('"')[0]
    answer = client.get(address.replace("&amp;", "&"))
    main = Item.objects.get().render.file("main")
    assert answer.status_code == 200 and len(b"".join(answer)) == main["size_bytes"]


def test_the_stores_pages_say_what_happens_to_pictures(kept: Shop) -> None:
    client = log_in(kept.workspace, "owner")
    for address in ("store", "store-connected"):
        page = client.get(reverse(f"dashboard:{address}", args=[kept.store.pk])).content.decode()
        assert "kept here" in page and "Take back everything" not in page


def test_no_page_promises_that_pictures_go_out_or_offers_to_take_them_back(kept: Shop) -> None:
    client = log_in(kept.workspace, "owner")
    pages = [
        ("product", Product.objects.get().pk),
        ("regenerate", kept.store.pk),
        ("batch", Batch.objects.get().pk),
    ]
    pages += [("disconnect", kept.store.pk), ("publications", None)]
    for address, pk in pages:
        page = client.get(reverse(f"dashboard:{address}", args=[pk] if pk else [])).content.decode()
        for promise in ("Approved pictures are", "is written into the store", "Take ", "Undo needs"):
            assert promise not in page, f"{address}: {promise}"
    page = client.get(reverse("dashboard:disconnect", args=[kept.store.pk])).content.decode()
    assert "until you uninstall it there" in page and "keys" not in page


def test_a_person_who_approves_is_answered_like_everywhere(kept: Shop) -> None:
    item = Item.objects.get()
    Item.objects.update(state=ItemState.PENDING, decided_at=None)
    client = log_in(kept.workspace, "reviewer")
    answer = client.post(reverse("dashboard:decide", args=[item.pk]), {"decision": "approve"})
    assert answer.status_code in {200, 302}
    item.refresh_from_db()
    assert item.state == ItemState.APPROVED and not Publication.objects.exists()


def test_asking_for_it_by_name_says_why_not(kept: Shop) -> None:
    item = Item.objects.get()
    with pytest.raises(NotAllowed, match="can be downloaded"):
        asking.publish(item, by="test")
    with pytest.raises(CommandError, match="can be downloaded"):
        call_command("publish", str(item.pk))


def test_changes_in_the_store_are_still_looked_at(kept: Shop) -> None:
    product = next(iter(kept.remote.products.values()))
    more = kept.remote.add_media(photo("#a33333"), "more.jpg")
    kept.remote.change_product(product.id, images=(*product.images, more))
    flow.synced(_asked_to_read(kept))
    kept.work()
    assert [job.state for job in _jobs()] == [JobState.DONE] * 2


def _asked_to_read(shop: Shop) -> int:
    from apps.catalog import services as catalog

    sync, _ = catalog.ask_sync(shop.store, by="test", start_work=True)
    return sync.pk


def _jobs() -> list[Any]:
    from apps.jobs.models import Job

    return list(Job.objects.order_by("pk"))
