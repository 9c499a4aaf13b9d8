"""Taking many pictures back in a real browser: choosing a moment shows at once what comes of it, progress moves by itself,
and the pages fit a phone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from apps.accounts.models import Role
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Reversal
from apps.publishing.reversals import ReversalState
from apps.stores.models import WrittenMedia
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
TITLES = ("Lamp", "Vase", "Teapot with a very long name that nobody could ever fit into one line of a phone")


@pytest.fixture
def live(merchant: Merchant) -> Merchant:
    """Four pictures of a batch are live, and one that was taken back lies unused in the library."""
    Reversal.objects.all().delete()
    for publication in (merchant.live, *(merchant.product_that_is_live(t) for t in TITLES)):
        publication.item.job.batch = merchant.batch
        publication.item.job.save()
    gone = merchant.product_that_is_live("Jug", undone_at=timezone.now())
    told = {"stem": gone.stem, "publication": gone.pk, "photo": gone.photo_id, "sha256": "0" * 64}
    WrittenMedia.objects.create(store=merchant.store, media_id=gone.media_id, **told)
    return merchant


@pytest.fixture
def start(page: Any, live_server: Any, live: Merchant) -> Any:
    """The page on which an owner takes back everything since a moment."""
    user = factories.MemberFactory(workspace=live.workspace, role=Role.OWNER).user
    page.goto(f"{live_server.url}/stores/{live.store.pk}/take-back/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#ahead").wait_for()
    return page


def test_choosing_a_moment_shows_at_once_what_comes_of_it(start: Any) -> None:
    start.get_by_role("button", name="Take back 4 pictures").wait_for()
    later = timezone.now() - dt.timedelta(seconds=1)
    Publication.objects.filter(published_at__isnull=False).update(
        created_at=later - dt.timedelta(days=2), published_at=later - dt.timedelta(days=2)
    )
    start.get_by_label("Since").fill(f"{later - dt.timedelta(days=1):%Y-%m-%dT%H:%M}")
    start.get_by_text("There is nothing to take back.").wait_for()
    assert start.get_by_role("button", name="Write no more of it").is_disabled()
    start.get_by_label("Since").fill(f"{later - dt.timedelta(days=3):%Y-%m-%dT%H:%M}")
    start.get_by_role("button", name="Take back 4 pictures").wait_for()


def test_a_batch_is_taken_back_watched_and_stopped_by_keyboard(start: Any, live: Merchant) -> None:
    start.goto(start.url.split("/stores/")[0] + f"/batches/{live.batch.pk}/")
    start.get_by_role("link", name="Take everything back…").press("Enter")
    start.get_by_label("Why").fill("The wrong backdrop")
    start.get_by_role("button", name="Take back 4 pictures").press("Enter")
    start.get_by_text("0 of 4 pictures done").wait_for()
    reversal = Reversal.objects.get()
    assert reversal.note == "The wrong backdrop"
    one = reversal.members.order_by("pk").first().publication
    factories.UndoFactory(publication=one, work_state=WorkState.DONE)
    Publication.objects.filter(pk=one.pk).update(undone_at=timezone.now())
    start.get_by_text("1 of 4 pictures done").wait_for()  # the page asks again by itself
    start.get_by_role("button", name="Stop taking back the rest").press("Enter")
    start.get_by_role("button", name="Yes, do it").press("Enter")
    start.get_by_text("the rest stays as it is").wait_for()
    reversal.refresh_from_db()
    assert reversal.state == ReversalState.STOPPED


def test_the_pages_fit_a_phone_and_are_accessible(start: Any, live_server: Any, live: Merchant) -> None:
    start.set_viewport_size(PHONE)
    reversal = factories.ReversalFactory(batch=live.batch, note="The wrong backdrop")
    for number, publication in enumerate(Publication.objects.filter(item__job__batch=live.batch)):
        released = timezone.now() if number else None
        factories.ReversedFactory(reversal=reversal, publication=publication, released_at=released)
        if number:
            factories.UndoFactory(publication=publication, work_state="failed", error="It is in the trash.")
    for address in (
        f"/stores/{live.store.pk}/take-back/",
        f"/batches/{live.batch.pk}/take-back/",
        f"/batches/{live.batch.pk}/",
        f"/reversals/{reversal.pk}/",
        "/reversals/",
        "/publications/",
        f"/stores/{live.store.pk}/unused/",
    ):
        start.goto(live_server.url + address)
        wide = start.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = Axe().run(start).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], address
