"""A shop that is down for hours costs nobody a picture, and nobody else's shop a minute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.config.demo import story
from apps.config.demo.shop import Keys
from apps.flow import noticing
from apps.flow.waking import wake
from apps.jobs.models import Preparation
from apps.lib import wire
from apps.publishing.models import Publication
from apps.stores import presence
from apps.stores import services as stores
from connectors.errors import Away, NotFound, OutcomeUnknown, Rejected, Unavailable
from connectors.types import Credentials
from tests.shopkeeping import Shop


def silent_for(store: int, *, seconds: float, images: bool = False) -> None:
    """As if its first unanswered call had been so long ago."""
    began = timezone.now() - dt.timedelta(seconds=seconds)
    wire.client().set(f"vitrine:silent:{store}{':images' if images else ''}", began.timestamp())


def due(shop: Shop) -> None:
    """Time passes until what waits for the store is due again, and is woken."""
    for model, task in ((Preparation, "flow.prepare"), (Publication, "flow.publish")):
        waiting = model.objects.filter(work_state="waiting")
        waiting.update(not_before=timezone.now())
        shop.wire += [(task, (pk,)) for pk in waiting.values_list("pk", flat=True)]


def test_a_short_silence_is_nothing_and_any_answer_ends_a_long_one(redis_url: str) -> None:
    presence.heard(7, Unavailable("503"))
    assert presence.away_since([7, 8]) == {}
    presence.knock(7)
    silent_for(7, seconds=3600)
    presence.heard(7, OutcomeUnknown("cut"))
    assert (timezone.now() - presence.away_since([7, 8])[7]).total_seconds() > 3500, (
        "the first silence counts"
    )
    for answer in (None, Rejected("no"), NotFound("gone")):
        silent_for(7, seconds=3600)
        presence.heard(7, answer)
        assert presence.away_since([7]) == {}


def test_one_call_after_each_pause_looks_whether_it_is_back(redis_url: str) -> None:
    silent_for(7, seconds=100)
    presence.knock(7)
    for _ in range(3):
        with pytest.raises(Away, match=r"since \d+ \w+, \d\d:\d\d UTC"):
            presence.knock(7)
    presence.knock(8)
    left_s = int(wire.client().pttl("vitrine:silent-pause:7")) / 1000
    assert 20 < left_s <= 26, "a quarter of how long it has been away"
    wire.client().delete("vitrine:silent-pause:7")
    presence.knock(7)


def test_without_redis_calls_go_through(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Any:
        raise wire.WireError("no connection")

    monkeypatch.setattr(presence, "client", nobody)
    presence.knock(7)
    presence.heard(7, Unavailable("503"))
    assert presence.away_since([7]) == {}


def test_a_shop_that_is_down_for_hours_loses_no_publication(shop: Shop, redis_url: str) -> None:
    """More often than anything is tried otherwise."""
    shop.sell()
    shop.deliver()
    shop.carry()
    shop.render_what_waits()
    silent_for(shop.store.pk, seconds=3 * 3600)
    shop.remote.down = True
    for _ in range(20):
        due(shop)
        shop.carry()
    [publication] = shop.publications()
    assert publication.work_state == "waiting" and publication.tries <= 1
    assert "not answered for a while" in publication.error
    assert len(shop.remote.calls_while_down) == 1, "one call looked whether it was back"
    shop.remote.down = False
    assert wake(shop.store) == 1
    shop.carry()
    assert shop.publications()[0].live


def test_photos_wait_while_only_their_host_is_down(shop: Shop, redis_url: str) -> None:
    """Else a catalogue that is regenerated at that moment would be a catalogue of failures."""
    shop.sell()
    shop.deliver()
    shop.remote.images_down = True
    silent_for(shop.store.pk, seconds=3600, images=True)
    for _ in range(12):
        due(shop)
        shop.carry()
    [job] = shop.jobs()
    assert job.state == "preparing" and job.preparation.tries <= 1
    assert presence.away_since([shop.store.pk]) == {}, "the shop itself answers"
    # Pictures may lie on a host that is gone for good: after a day they are tried a last few times.
    silent_for(shop.store.pk, seconds=25 * 3600, images=True)
    for _ in range(12):
        due(shop)
        shop.carry()
    [job] = shop.jobs()
    assert (job.state, job.error_code) == ("failed", "photo_not_fetched")


def test_a_notice_tells_the_shop_from_the_host_of_its_photos(shop: Shop, redis_url: str) -> None:
    assert list(noticing.store_failing()) == []
    silent_for(shop.store.pk, seconds=3600, images=True)
    [trouble] = noticing.store_failing()
    assert "photos of" in trouble.title and "The shop answers" in trouble.body
    silent_for(shop.store.pk, seconds=3600)
    [trouble] = noticing.store_failing()
    assert "does not answer" in trouble.title


def test_the_page_says_so_and_lets_a_person_ask_at_once(shop: Shop, redis_url: str, client: Client) -> None:
    silent_for(shop.store.pk, seconds=3600)
    troubles = [t for t in noticing.store_failing() if "does not answer" in t.title]
    assert len(troubles) == 1
    client.force_login(shop.owner)
    page = client.get(f"/stores/{shop.store.pk}/").content.decode()
    assert "It has not answered for a while" in page and "Ask it now" in page
    client.post(f"/stores/{shop.store.pk}/ask/")
    assert presence.away_since([shop.store.pk]) == {}
    assert "has not answered" not in client.get(f"/stores/{shop.store.pk}/").content.decode()


def test_who_acts_by_hand_is_not_told_to_wait(shop: Shop, redis_url: str, client: Client) -> None:
    """Checking its webhooks, reading it, connecting it again or leaving it: each sees for itself."""
    store, keys = shop.store, Credentials(**shop.store.credentials)
    client.force_login(shop.owner)
    acts: list[Callable[[], object]] = [
        lambda: client.post(f"/stores/{store.pk}/webhooks/"),
        lambda: call_command("sync", str(store.pk)),
        lambda: story.connect(shop.workspace, Keys(store.url, "", "", "", "")),
        lambda: stores.connect(
            shop.workspace, platform=store.platform, url=store.url, credentials=keys, by="t"
        ),
        lambda: client.post(f"/stores/{store.pk}/disconnect/"),
    ]
    for act in acts:
        silent_for(store.pk, seconds=3600)
        presence.knock(store.pk)
        act()
        store.refresh_from_db()
        assert store.problem == ""
        assert presence.away_since([store.pk]) == {}
