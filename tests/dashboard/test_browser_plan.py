"""An owner agrees to a plan in a real browser: from our page to Shopify's and back; and how the page looks then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from connectors.sandbox.shopify.server import ShopifySandbox
from tests import factories
from tests.billing import paying as hands
from tests.billing.paying import Payer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def payer(
    page: Any, live_server: Any, tmp_path: Path, storage_root: Path, redis_url: str, settings: Any
) -> Iterator[Payer]:
    """An owner of the shop's workspace looks at the page; nobody agreed to anything."""
    with ShopifySandbox(tmp_path / "shopify", shops=(), webhook_interval_s=None) as platform:
        settings.PUBLIC_URL = live_server.url
        hands.set_up(platform, settings)
        hands.offer(trial_days=14)
        found = hands.come_in(platform, f"file://{storage_root}", name="teahouse")
        user = factories.MemberFactory(workspace=found.shop.workspace, role=Role.OWNER).user
        page.goto(f"{live_server.url}/plan/")
        page.locator("#id_username").fill(user.username)
        page.locator("#id_password").fill(factories.PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/plan/")
        yield found


def looks_right(page: Any, name: str) -> None:
    """On a phone, in light and dark."""
    page.set_viewport_size(PHONE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} px too wide"
        found = Axe().run(page).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], name
        if folder := os.environ.get("VITRINE_SHOTS"):
            page.screenshot(path=f"{folder}/{name}-{scheme}.png", full_page=True)


def test_an_owner_agrees_at_shopify_sees_what_is_used_and_ends_it(page: Any, payer: Payer) -> None:
    page.get_by_text("No picture is made for this store yet.").wait_for()
    page.get_by_text("the first 14 days free").wait_for()
    looks_right(page, "plan-none")
    page.get_by_role("button", name="Agree to it at Shopify").click()
    page.get_by_role("button", name="Decline").click()
    page.get_by_text("nobody agreed to it yet").wait_for()
    page.get_by_text("The plan was declined.").wait_for()
    page.get_by_role("button", name="Agree to it at Shopify").click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("is active.").wait_for()
    payer.finish(19)
    payer.bill()
    payer.finish(1)
    page.reload()
    page.get_by_text("The limit of this plan is reached").wait_for()
    page.get_by_text("1.00 USD of 1.00 USD used for pictures in this period, 0.05 USD of it").wait_for()
    looks_right(page, "plan-full")
    page.get_by_label("New limit").fill("5")
    page.get_by_label("New limit").press("Enter")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("1.00 USD of 5.00 USD used").wait_for()
    page.get_by_role("button", name="End the plan").click()
    page.locator("#confirm button[value=yes]").click()
    page.get_by_text("has ended.").first.wait_for()
    assert payer.standing().holds is None
