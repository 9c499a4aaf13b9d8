"""Marking the product with a real mouse, a finger and the keyboard."""

from __future__ import annotations

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from apps.accounts.models import Role
from apps.jobs.models import Job
from apps.review.models import Item
from tests import factories
from tests.dashboard.merchants import Merchant
from tests.dashboard.test_browser import DESK, PHONE, STRICT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    """With a photo of a size that merchants have."""
    data = factories.picture((150, 60, 40), size_px=900)
    photo = factories.PhotoFactory(product__store=merchant.store, product__title="Bowl", data=data)
    job = factories.JobFactory(photo=photo, recipe_version=merchant.version, done=True)
    merchant.waiting = factories.ItemFactory(job=job)
    return merchant


@pytest.fixture
def marking(page: Any, live_server: Any, merchant: Merchant, client: Any) -> Any:
    """The marking page of a picture that waits, opened by a reviewer."""
    client.force_login(factories.MemberFactory(workspace=merchant.workspace, role=Role.REVIEWER).user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )

    page.set_viewport_size(DESK)
    page.goto(f"{live_server.url}/review/{merchant.waiting.pk}/mark/")
    page.locator(".canvas.live img").wait_for()
    return page


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From and to in shares of the photo."""
    seen = page.locator("[data-canvas]").bounding_box()
    page.mouse.move(seen["x"] + start[0] * seen["width"], seen["y"] + start[1] * seen["height"])
    page.mouse.down()
    page.mouse.move(seen["x"] + end[0] * seen["width"], seen["y"] + end[1] * seen["height"], steps=4)
    page.mouse.up()


def touch(page: Any, x: float, y: float) -> None:
    drag(page, (x, y), (x, y))


def sides(page: Any) -> list[float]:
    return [
        float(page.locator(f"[name={side}]").input_value()) for side in ("left", "top", "right", "bottom")
    ]


def marks_of(merchant: Merchant) -> dict[str, Any]:
    return Job.objects.get(instead_of=merchant.waiting.job).parameters["cutout"]


def shot(page: Any, name: str) -> None:
    """A picture for whoever wants to look (VITRINE_SHOTS names a folder)."""
    if os.environ.get("VITRINE_SHOTS"):
        page.screenshot(path=f"{os.environ['VITRINE_SHOTS']}/{name}.png", full_page=True)


def test_a_box_is_dragged_and_points_are_set_with_the_mouse(marking: Any, merchant: Merchant) -> None:
    drag(marking, (0.1, 0.2), (0.8, 0.9))
    assert sides(marking) == pytest.approx([10, 20, 80, 90], abs=1)
    drag(marking, (0.8, 0.9), (0.9, 0.95))
    assert sides(marking) == pytest.approx([10, 20, 90, 95], abs=1), "a corner is taken hold of"
    marking.get_by_role("radio", name="On the product").click()
    touch(marking, 0.5, 0.5)
    marking.get_by_role("radio", name="Not the product").click()
    touch(marking, 0.3, 0.25)
    assert marking.locator(".dot").count() == 2
    shot(marking, "marks-desk")
    marking.get_by_role("button", name="Cut it out again").click()
    marking.get_by_text("is being cut out again with the marks").wait_for()
    shot(marking, "again-desk")
    made = marks_of(merchant)
    assert made["box"] == pytest.approx([0.1, 0.2, 0.9, 0.95], abs=0.01)
    assert [p[2] for p in made["clicks"]] == [True, False]
    assert Item.objects.get(pk=merchant.waiting.pk).state == "pending"


def test_everything_can_be_marked_by_keyboard(marking: Any, merchant: Merchant) -> None:
    marking.get_by_label("Left").focus()
    for number in ("12", "14", "86", "88"):
        marking.keyboard.type(number)
        marking.keyboard.press("Tab")
    assert marking.locator("[data-box]").is_visible()
    marking.get_by_role("button", name="Add a point").press("Enter")
    assert marking.evaluate("document.activeElement.name") == "x"
    marking.keyboard.press("Control+A")
    marking.keyboard.type("40")
    assert marking.locator(".dot.on").count() == 1
    marking.keyboard.press("Tab")
    marking.keyboard.press("Tab")
    marking.keyboard.press("ArrowDown")
    assert marking.locator(".dot.off").count() == 1
    marking.keyboard.press("Tab")
    marking.keyboard.press("Enter")
    assert marking.locator(".dot").count() == 0, "the point is removed"
    marking.get_by_role("button", name="Cut it out again").press("Enter")
    marking.get_by_text("is being cut out again with the marks").wait_for()
    assert marks_of(merchant) == {"box": [0.12, 0.14, 0.86, 0.88], "clicks": [], "keep_holes": None}


def test_a_box_that_was_a_slip_is_removed(marking: Any) -> None:
    touch(marking, 0.4, 0.4)
    assert not marking.locator("[data-box]").is_visible(), "a touch draws no box"
    drag(marking, (0.4, 0.4), (0.6, 0.6))
    marking.get_by_role("button", name="Remove the box").click()
    assert marking.locator("[name=left]").input_value() == ""
    assert not marking.locator("[data-box]").is_visible()


def test_marks_are_drawn_under_a_strict_content_policy(marking: Any) -> None:
    said: list[str] = []
    marking.on("console", lambda message: said.append(message.text) if message.type == "error" else None)

    def with_policy(route: Any) -> None:
        answer = route.fetch(max_redirects=0)
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": STRICT})

    marking.route("**/*", with_policy)
    marking.reload()
    marking.locator(".canvas.live img").wait_for()
    drag(marking, (0.25, 0.25), (0.75, 0.75))
    wide = marking.evaluate(
        "document.querySelector('[data-box]').offsetWidth / document.querySelector('[data-canvas]').clientWidth"
    )
    assert wide == pytest.approx(0.5, abs=0.02)
    assert said == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_marking_page_is_accessible_and_no_wider_than_its_screen(
    size: dict[str, int], marking: Any
) -> None:
    marking.set_viewport_size(size)
    marking.reload()
    photo, fields = (marking.locator(what).bounding_box() for what in ("[data-canvas]", "[name=left]"))
    assert photo["y"] < fields["y"] + 80, "what is touched comes first"
    marking.locator("[data-canvas]").scroll_into_view_if_needed()
    drag(marking, (0.15, 0.15), (0.85, 0.85))
    assert sides(marking) == pytest.approx([15, 15, 85, 85], abs=1)
    marking.get_by_role("radio", name="Not the product").click()
    touch(marking, 0.1, 0.1)
    shot(marking, f"marks-{size['width']}")
    assert marking.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    found = Axe().run(marking).response["violations"]
    assert [
        f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found if v["impact"] in {"serious", "critical"}
    ] == []


def test_a_finger_marks_on_a_phone(browser: Any, live_server: Any, merchant: Merchant, client: Any) -> None:
    client.force_login(factories.MemberFactory(workspace=merchant.workspace, role=Role.REVIEWER).user)
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.set_default_timeout(10_000)
    context.set_default_navigation_timeout(45_000)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(f"{live_server.url}/review/{merchant.waiting.pk}/")
    page.get_by_role("link", name="Mark it").click()
    page.locator(".canvas.live img").wait_for()
    page.get_by_role("radio", name="On the product").tap()
    seen = page.locator("[data-canvas]").bounding_box()
    page.touchscreen.tap(seen["x"] + seen["width"] / 2, seen["y"] + seen["height"] / 4)
    assert page.locator(".dot.on").count() == 1
    page.get_by_role("button", name="Cut it out again").tap()
    page.get_by_text("is being cut out again with the marks").wait_for()
    context.close()
    assert marks_of(merchant)["clicks"] == [
        [pytest.approx(0.5, abs=0.02), pytest.approx(0.25, abs=0.02), True]
    ]
