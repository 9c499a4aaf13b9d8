"""The pages of storage and of mail in a real browser: on a phone and a desk, light and dark, by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from apps.accounts.models import Member, Role
from apps.notices import selectors as notices
from apps.notices.models import Kind
from apps.notices.services import choosing
from apps.storage import selectors
from apps.storage.services import keeping
from apps.storage.services.survey import survey
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def look(page: Any, name: str) -> None:
    """Nothing wider than the screen, nothing that somebody can't use."""
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == [], name


def test_storage_and_mail_are_chosen_by_keyboard_and_fit_every_screen(
    page: Any, live_server: Any, merchant: Merchant, redis_url: str
) -> None:
    survey()
    used = selectors.fill().of[merchant.workspace.pk]
    keeping.change(merchant.workspace, {"budget_bytes": used + 1000}, by="test")
    user = factories.UserFactory(email="anna@example.com")
    member = Member.objects.create(user=user, workspace=merchant.workspace, role=Role.OWNER)
    page.goto(f"{live_server.url}/storage/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Rejected pictures, days").fill("14")
    page.keyboard.press("Enter")
    page.get_by_text("Saved. It holds from the next hour on.").wait_for()
    assert selectors.keeping_of(merchant.workspace.pk).rejected_days == 14
    page.goto(f"{live_server.url}/notices/")
    page.get_by_label("A batch is finished").select_option("daily")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    page.get_by_text("Saved.").wait_for()
    assert notices.wishes(member)[Kind.BATCH] == "daily"
    token = choosing.off_url(member, [Kind.BATCH, Kind.STORAGE]).rstrip("/").rpartition("/")[2]
    off = reverse("mail-off", args=[token])
    for size, scheme in ((PHONE, "light"), (DESK, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        for name, address in (
            ("storage", "/storage/"),
            ("notices", "/notices/"),
            ("off", off),
            ("home", "/"),
        ):
            page.goto(live_server.url + address)
            look(page, f"{name}-{scheme}")
    page.context.clear_cookies()
    page.goto(live_server.url + off)
    page.get_by_role("button", name="Stop this").press("Enter")
    page.get_by_role("heading", name="No more mail of this kind").wait_for()
    assert notices.wishes(member)[Kind.BATCH] == "off"
