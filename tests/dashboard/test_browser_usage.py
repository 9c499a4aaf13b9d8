"""The usage page in a real browser: it fits a phone, is accessible in light and dark, and its budget works by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from apps.usage import services
from apps.usage.models import Budget
from tests import factories
from tests.dashboard.merchants import Merchant
from tests.dashboard.test_usage import book

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def spent(page: Any, live_server: Any, merchant: Merchant) -> Any:
    """The usage page of a workspace that has spent something; an owner looks at it."""
    for attempt in range(1, 7):
        batch = merchant.batch.pk if attempt % 2 else None
        book(
            merchant, attempt, seconds=900 * attempt, batch=batch, cutout="reused" if attempt > 2 else "made"
        )
    services.set_budget(merchant.workspace, warn_micros=50_000, stop_micros=400_000, by="test")
    user = factories.MemberFactory(workspace=merchant.workspace, role=Role.OWNER).user
    page.goto(f"{live_server.url}/usage/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/usage/")  # as patient as any other page load
    page.get_by_role("heading", name="Cost per day").wait_for()
    return page


def test_the_budget_is_set_by_keyboard(spent: Any) -> None:
    spent.get_by_label("Stop at").fill("9.5")
    spent.keyboard.press("Enter")
    spent.get_by_text("Saved. It holds from now on.").wait_for()
    assert Budget.objects.get().stop_micros == 9_500_000
    spent.get_by_text("of 9.50 spent this month").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_usage_page_fits_a_phone_and_is_accessible(spent: Any, merchant: Merchant, scheme: str) -> None:
    spent.emulate_media(color_scheme=scheme)
    spent.set_viewport_size(PHONE)
    here = spent.url.removesuffix("/usage/")
    for address in ("/usage/", f"/jobs/?batch={merchant.batch.pk}", "/"):
        spent.goto(here + address)
        wide = spent.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = Axe().run(spent).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], address
