"""A server behind no public address: no webhook ever comes, and everything happens all the same, by asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.flow import housekeeping
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.stores import services as stores
from apps.stores.reach import looks_public
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from tests.shopkeeping import Shop, photo


@pytest.fixture
def store_far_away(tmp_path: Path, settings: Any) -> Iterator[Sandbox]:
    """A store that calls no address of a private network, as WordPress does it."""
    settings.ALLOW_PRIVATE_HOSTS = ["127.0.0.1"]
    with Sandbox(tmp_path / "far", environment="local", webhook_interval_s=None) as running:
        yield running


def sell(store: Sandbox, title: str, colour: str) -> str:
    media = store.site.media_library.add(photo(colour), f"{title}.jpg", accepts=BY_UPLOAD)
    return str(Catalogue(store.site).create({"name": title, "images": [{"id": media.id}]}).id)


def test_a_new_photo_is_found_by_asking_and_goes_its_whole_way(
    shop: Shop, store_far_away: Sandbox, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://192.168.1.20:8000"
    shop.store = stores.connect(
        shop.workspace,
        platform="woocommerce",
        url=store_far_away.url,
        credentials=store_far_away.credentials,
        by="test",
    )
    from apps.flow import flow

    flow.connected(shop.store, by="test")
    shop.work()
    sell(store_far_away, "Mug", "#2b4a7f")
    store_far_away.hooks.deliver_due()
    assert not Delivery.objects.filter(store=shop.store).exists(), "the store can't reach us"

    housekeeping.poll_stores()
    shop.work()

    assert [job.state for job in Job.objects.filter(store=shop.store)] == ["done"]
    [publication] = shop.publications()
    assert publication.published_at is not None
    assert not Delivery.objects.filter(store=shop.store).exists()


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://photos.example.com", True),
        ("https://photos.example.com.:8443/x", True),
        ("https://203.0.114.9", True),
        ("https://[2a00:1450:4001:80e::200e]", True),
        ("http://127.0.0.1:8000", False),
        ("https://[::1]", False),
        ("https://10.0.0.7", False),
        ("https://100.64.0.1", False),
        ("https://localhost:8000", False),
        ("https://photos.local", False),
        ("https://photos.fritz.home.arpa", False),
        ("https://photos", False),
        ("https://2130706433", False),
        ("", False),
    ],
)
def test_whether_an_address_can_be_reached_is_seen_from_its_form(url: str, public: bool) -> None:
    assert looks_public(url) is public
