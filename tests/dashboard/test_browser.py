"""The dashboard in a real browser: keys, dialogs, polling, accessibility, and no page wider than a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from apps.jobs.models import Job, JobState
from apps.publishing.models import Publication, Undo
from apps.review.models import Item
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
def at_home(page: Any, live_server: Any, merchant: Merchant) -> Any:
    """A page on which an owner has just logged in, by keyboard."""
    user = factories.MemberFactory(workspace=merchant.workspace, role=Role.OWNER).user
    page.goto(f"{live_server.url}/review/")
    page.locator("#id_username:focus").wait_for()
    page.keyboard.type(user.username)
    page.keyboard.press("Tab")
    page.keyboard.type(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#desk").wait_for()
    return page


def state_of(item: Item) -> str:
    return Item.objects.values_list("state", flat=True).get(pk=item.pk)


def test_pictures_are_decided_with_two_keys(at_home: Any, merchant: Merchant) -> None:
    second, third = merchant.product_in_review("Kettle"), merchant.product_in_review("Vase")
    at_home.reload()
    at_home.keyboard.press("j")
    at_home.get_by_role("heading", name="Kettle").wait_for()
    at_home.keyboard.press("k")
    at_home.get_by_role("heading", name="Teapot").wait_for()
    at_home.keyboard.press("a")
    at_home.get_by_text("Teapot: approved.").wait_for()
    at_home.keyboard.press("r")
    at_home.get_by_text("Kettle: rejected.").wait_for()
    assert at_home.locator("#waiting").inner_text().startswith("1")
    assert [state_of(i) for i in (merchant.waiting, second, third)] == ["approved", "rejected", "pending"]
    assert Publication.objects.filter(item=merchant.waiting).exists()


def test_writing_a_note_decides_nothing_and_the_keys_can_be_switched_off(
    at_home: Any, merchant: Merchant
) -> None:
    at_home.get_by_label("Note").fill("")
    at_home.get_by_label("Note").press_sequentially("a rare jar")
    at_home.get_by_label("Keys:").uncheck()
    at_home.locator("body").press("a")
    at_home.reload()
    assert not at_home.get_by_label("Keys:").is_checked()
    at_home.locator("body").press("a")
    at_home.wait_for_timeout(300)
    assert state_of(merchant.waiting) == "pending"


def test_a_changed_product_is_approved_only_with_the_tick(at_home: Any, merchant: Merchant) -> None:
    Item.objects.filter(pk=merchant.waiting.pk).update(needs_override=True)
    at_home.reload()
    at_home.keyboard.press("a")
    at_home.get_by_text("a named person has to confirm").wait_for()
    at_home.get_by_label("I confirm").check()
    at_home.keyboard.press("a")
    at_home.get_by_text("Teapot: approved.").wait_for()
    assert state_of(merchant.waiting) == "approved"


def test_an_undo_asks_before_it_is_done(at_home: Any, merchant: Merchant, live_server: Any) -> None:
    at_home.goto(f"{live_server.url}/publications/{merchant.live.pk}/")
    at_home.get_by_role("button", name="Undo").click()
    at_home.get_by_role("button", name="Not now").click()
    assert not Undo.objects.exists()
    at_home.get_by_role("button", name="Undo").click()
    at_home.get_by_role("button", name="Yes, do it").click()
    at_home.get_by_text("The original is being put back.").wait_for()
    assert Undo.objects.filter(publication=merchant.live).exists()


def test_the_slider_moves_by_keyboard(at_home: Any, merchant: Merchant, live_server: Any) -> None:
    at_home.goto(f"{live_server.url}/products/{merchant.live.product_id}/")
    slider = at_home.get_by_role("slider")
    slider.focus()
    slider.press("Home")
    edge = "e => getComputedStyle(e.closest('[data-compare]')).getPropertyValue('--at')"
    assert slider.evaluate(edge) == "0%"
    slider.press("End")
    assert slider.evaluate(edge) == "100%"


def test_the_progress_bar_moves_and_stops_by_itself(
    at_home: Any, merchant: Merchant, live_server: Any
) -> None:
    at_home.goto(live_server.url)
    assert at_home.locator("#progress").get_attribute("value") == "4"
    Job.objects.filter(pk=merchant.queued_job.pk).update(state=JobState.CANCELLED)
    at_home.locator("#progress").wait_for(state="detached")
    polls: list[str] = []
    at_home.on("request", lambda request: polls.append(request.url))
    at_home.wait_for_timeout(2500)
    assert polls == []


def test_a_search_narrows_the_list_while_typing(at_home: Any, live_server: Any) -> None:
    at_home.goto(f"{live_server.url}/products/")
    assert at_home.locator("#found li").count() == 6
    at_home.get_by_label("Search").press_sequentially("bott")
    at_home.wait_for_url("**q=bott**")
    assert at_home.locator("#found li .title").all_inner_texts() == ["Bottle"]


def every_page(merchant: Merchant) -> list[str]:
    store, job = merchant.store.pk, merchant.waiting.job_id
    return [
        "/",
        "/stores/",
        "/stores/connect/",
        f"/stores/{store}/",
        f"/stores/{store}/regenerate/",
        f"/stores/{store}/disconnect/",
        "/products/",
        f"/products/{merchant.product.pk}/",
        "/jobs/",
        f"/jobs/{job}/",
        f"/jobs/{merchant.failed_job.pk}/",
        "/review/",
        "/publications/",
        f"/publications/{merchant.live.pk}/",
        "/audit/",
        "/audit/verify/",
        "/recipes/",
        "/nowhere/",
    ]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk-dark"])
def test_each_page_is_accessible_and_no_wider_than_its_screen(
    size: dict[str, int], scheme: str, at_home: Any, merchant: Merchant, live_server: Any
) -> None:
    merchant.product_in_review("Vase", needs_override=True, reasons=["x" * 120])
    factories.ProductFactory(
        store=merchant.store, title="Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 3
    )
    at_home.set_viewport_size(size)
    at_home.emulate_media(color_scheme=scheme)
    axe = Axe()
    for address in every_page(merchant):
        at_home.goto(live_server.url + address)
        assert at_home.url == live_server.url + address
        wide = at_home.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        found = axe.run(at_home).response["violations"]
        serious = [
            f"{v['id']}: {v['nodes'][0]['html'][:160]}"
            for v in found
            if v["impact"] in {"serious", "critical"}
        ]
        assert serious == [], address


def test_the_login_page_is_accessible(page: Any, live_server: Any) -> None:
    page.goto(f"{live_server.url}/login/")
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == []


STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'"


def test_everything_works_under_a_strict_content_policy(
    at_home: Any, merchant: Merchant, live_server: Any
) -> None:
    said: list[str] = []
    at_home.on("console", lambda message: said.append(message.text) if message.type == "error" else None)

    def with_policy(route: Any) -> None:
        answer = route.fetch(max_redirects=0)
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": STRICT})

    at_home.route("**/*", with_policy)
    at_home.goto(f"{live_server.url}/products/{merchant.live.product_id}/")
    at_home.get_by_role("slider").press("Home")
    edge = "e => getComputedStyle(e).getPropertyValue('--at')"
    assert at_home.locator("[data-compare]").evaluate(edge) == "0%"
    at_home.goto(f"{live_server.url}/review/")
    at_home.keyboard.press("a")
    at_home.get_by_text("Teapot: approved.").wait_for()
    assert said == []
