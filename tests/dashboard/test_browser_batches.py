"""Batches in a real browser: choosing shows at once what comes of it, by keyboard and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from apps.catalog.models import Product
from apps.jobs.models import Batch, BatchState, Job
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def start(page: Any, live_server: Any, merchant: Merchant) -> Any:
    """The page on which an owner starts a batch."""
    for number, product in enumerate(Product.objects.filter(store=merchant.store).order_by("pk")):
        product.categories, product.vendor = ["Tea" if number < 2 else "Kitchen"], "Kiln & Co"
        product.save()
    user = factories.MemberFactory(workspace=merchant.workspace, role=Role.OWNER).user
    page.goto(f"{live_server.url}/stores/{merchant.store.pk}/regenerate/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#ahead").wait_for()
    return page


def test_choosing_a_category_shows_at_once_what_comes_of_it(start: Any) -> None:
    start.get_by_role("button", name="Render 5 photos").wait_for()
    start.get_by_text("Categories", exact=False).first.click()
    start.get_by_label("Tea (2)").check()
    start.get_by_role("button", name="Render 2 photos").wait_for()
    start.get_by_label("By what became of them before").select_option("older")
    start.get_by_label("Days").wait_for()
    start.get_by_text("Choose less narrowly").wait_for()
    assert start.get_by_role("button", name="Start").is_disabled()


def test_a_batch_is_started_watched_and_paused_by_keyboard(start: Any) -> None:
    start.get_by_label("Pilot").fill("2")
    start.get_by_text("The pilot of 2 is rendered first").wait_for()
    start.get_by_role("button", name="Render 5 photos").press("Enter")
    start.get_by_role("heading", name="Pilot").wait_for()
    held = Batch.objects.get(pilot__isnull=False)
    start.get_by_role("button", name="Go on with the rest").press("Enter")
    start.get_by_role("button", name="Yes, do it").press("Enter")
    start.get_by_text("The rest of the batch begins.").wait_for()
    Job.objects.filter(pk=Job.objects.filter(batch=held).first().pk).update(state="done")
    start.get_by_text("1 of 3 photos done").wait_for()  # the page asks again by itself
    start.get_by_role("button", name="Pause").press("Enter")
    start.get_by_text("The batch is paused.").wait_for()
    held.refresh_from_db()
    assert held.state == BatchState.PAUSED


def test_batch_pages_fit_a_phone_and_are_accessible(start: Any, live_server: Any) -> None:
    start.get_by_role("button", name="Render 5 photos").click()
    start.locator("#batch").wait_for()
    batch = Batch.objects.latest("pk")
    job = Job.objects.filter(batch=batch).first()
    Job.objects.filter(pk=job.pk).update(state="failed", error_code="too_small", error="Only 20 px wide.")
    start.set_viewport_size(PHONE)
    for address in ("/batches/", f"/batches/{batch.pk}/", f"/stores/{batch.store_id}/regenerate/"):
        start.goto(live_server.url + address)
        wide = start.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = Axe().run(start).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], address
