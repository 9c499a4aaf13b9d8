"""Rules in a real browser: choosing shows at once what a rule does, by keyboard and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from apps.automation.models import Rule
from apps.catalog.models import Product, Sync
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def rules(page: Any, live_server: Any, merchant: Merchant) -> Any:
    """The page of a store's rules, as an owner sees it."""
    for number, product in enumerate(Product.objects.filter(store=merchant.store).order_by("pk")):
        product.tags = ["summer"] if number < 2 else ["winter"]
        product.save()
    user = factories.MemberFactory(workspace=merchant.workspace, role=Role.OWNER).user
    page.goto(f"{live_server.url}/stores/{merchant.store.pk}/rules/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Rules").wait_for()
    return page


def test_a_rule_is_made_and_deleted_and_brought_back_by_keyboard(rules: Any) -> None:
    rules.get_by_role("link", name="New rule").press("Enter")
    rules.get_by_text("once the product was left alone for 30 seconds").wait_for()
    rules.get_by_label("A tag is added").check()
    rules.get_by_label("Only when one of these tags is added").fill("sale")
    rules.locator("summary", has_text="Tags").click()
    rules.get_by_label("summer (2)").check()
    rules.get_by_text("the tag “sale” is added on products tagged “summer”").wait_for()
    rules.get_by_text("How often a tag is added is not kept").wait_for()
    rules.get_by_label("Name of this rule").fill("Summer")
    rules.get_by_role("button", name="Make this rule").press("Enter")
    rules.get_by_text("“Summer” is on.").wait_for()
    rules.get_by_role("button", name="Delete… Summer").press("Enter")
    rules.get_by_role("button", name="Yes, do it").press("Enter")
    rules.get_by_text("“Summer” is deleted.").wait_for()
    rules.get_by_role("button", name="Bring back Summer").press("Enter")
    rules.get_by_text("“Summer” is back.").wait_for()
    assert Rule.objects.get(name="Summer").deleted_at is None


def test_rule_pages_fit_a_phone_and_are_accessible(rules: Any, live_server: Any, merchant: Merchant) -> None:
    Sync.objects.create(
        store=merchant.store, requested_by="system", work_state="done", drift_changed=3,
        started_at=merchant.store.created_at, finished_at=merchant.store.created_at,
    )  # fmt: skip
    store, rule = merchant.store.pk, merchant.rule.pk
    rules.set_viewport_size(PHONE)
    for address in (
        f"/stores/{store}/rules/",
        f"/stores/{store}/rules/new/",
        f"/rules/{rule}/",
        f"/stores/{store}/",
    ):
        rules.goto(live_server.url + address)
        wide = rules.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = Axe().run(rules).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], address
