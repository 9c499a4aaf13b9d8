"""Every page: it opens, it says what to do when it is empty, it shows nobody else's rows, it asks few questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Role
from tests import factories
from tests.dashboard.merchants import Merchant, log_in

LISTS = {
    "home": "Connect your first store",
    "stores": "No store yet",
    "products": "No products yet",
    "jobs": "No jobs yet",
    "batches": "No batches yet",
    "review": "Nothing waits for you",
    "publications": "Nothing was published yet",
    "audit": "Nothing happened yet",
    "recipes": "No recipe yet",
}


def one_of_each(merchant: Merchant) -> dict[str, list[object]]:
    """Pages about one row: name → arguments."""
    item = merchant.waiting
    return {
        "store": [merchant.store.pk],
        "sync-state": [merchant.store.pk],
        "rules": [merchant.store.pk],
        "rule-new": [merchant.store.pk],
        "rule-ahead": [merchant.store.pk],
        "rule": [merchant.rule.pk],
        "regenerate": [merchant.store.pk],
        "preflight": [merchant.store.pk],
        "batch": [merchant.batch.pk],
        "batch-live": [merchant.batch.pk],
        "disconnect": [merchant.store.pk],
        "product": [merchant.product.pk],
        "product-live": [merchant.product.pk],
        "job": [item.job_id],
        "job-live": [item.job_id],
        "review-item": [item.pk],
        "publication": [merchant.live.pk],
        "publication-live": [merchant.live.pk],
        "photo": [item.job.photo_id, "160"],
        "render-file": [item.render_id, "main", "160"],
    }


PARTS = {
    "preflight",
    "rule-ahead",
    "batch-live",
    "sync-state",
    "product-live",
    "job-live",
    "publication-live",
}
PICTURES = {"photo", "render-file"}


def title_of(html: str) -> str:
    found = re.search(r"<title>(.*?)</title>", html, re.S)
    assert found, "the page has no title"
    return found[1].strip()


def assert_is_a_page(html: str) -> None:
    assert title_of(html).endswith("· Vitrine") and len(title_of(html)) > len("· Vitrine")
    assert len(re.findall(r"<h1[ >]", html)) == 1
    assert 'name="viewport"' in html


@pytest.mark.parametrize("name", LISTS)
def test_a_new_merchant_reads_on_each_page_what_to_do_next(name: str, db: None) -> None:
    client = log_in(factories.WorkspaceFactory(), Role.OWNER)
    answer = client.get(reverse(f"dashboard:{name}"))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert_is_a_page(html)
    assert LISTS[name] in html


@pytest.mark.parametrize("name", LISTS)
def test_each_list_shows_the_merchants_own_rows(name: str, owner: Client) -> None:
    answer = owner.get(reverse(f"dashboard:{name}"))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert_is_a_page(html)
    assert LISTS[name] not in html


def test_each_page_about_one_thing_opens(merchant: Merchant, owner: Client) -> None:
    for name, args in one_of_each(merchant).items():
        answer = owner.get(reverse(f"dashboard:{name}", args=args))
        assert answer.status_code in {200, 286}, name
        if name not in PARTS | PICTURES:
            assert_is_a_page(answer.content.decode())


def test_another_workspaces_rows_are_as_good_as_none(neighbour: Merchant, owner: Client) -> None:
    for name, args in one_of_each(neighbour).items():
        assert owner.get(reverse(f"dashboard:{name}", args=args)).status_code == 404, name


def test_lists_never_show_another_workspaces_rows(neighbour: Merchant, owner: Client) -> None:
    for name in LISTS:
        html = owner.get(reverse(f"dashboard:{name}")).content.decode()
        assert neighbour.store.name not in html, name
        assert f"/products/{neighbour.product.pk}/" not in html, name


def test_another_workspaces_rows_can_not_be_changed(neighbour: Merchant, owner: Client) -> None:
    changes = {
        "decide": neighbour.waiting.pk,
        "undo": neighbour.live.pk,
        "retry": neighbour.failed_write.pk,
        "cancel": neighbour.queued_job.pk,
        "sync": neighbour.store.pk,
        "regenerate": neighbour.store.pk,
        "batch-move": neighbour.batch.pk,
        "batch-cap": neighbour.batch.pk,
        "batch-clone": neighbour.batch.pk,
        "disconnect": neighbour.store.pk,
        "check-webhooks": neighbour.store.pk,
        "rule-new": neighbour.store.pk,
        "rule": neighbour.rule.pk,
        "rule-move": neighbour.rule.pk,
    }
    for name, pk in changes.items():
        answer = owner.post(reverse(f"dashboard:{name}", args=[pk]), {"decision": "approve"})
        assert answer.status_code == 404, name
    owner.post(reverse("dashboard:approve-shown"), {"item": neighbour.waiting.pk})
    neighbour.waiting.refresh_from_db()
    assert neighbour.waiting.state == "pending"


def test_a_stranger_comes_to_the_login_and_then_to_where_they_wanted(
    merchant: Merchant, client: Client
) -> None:
    wanted = reverse("dashboard:product", args=[merchant.product.pk])
    answer = client.get(wanted)
    assert answer.status_code == 302 and answer["Location"] == f"/login/?next={wanted}"
    user = factories.MemberFactory(workspace=merchant.workspace).user
    there = client.post(
        answer["Location"], {"username": user.username, "password": factories.PASSWORD, "next": wanted}
    )
    assert there.status_code == 302 and there["Location"] == wanted


def test_a_poll_after_logging_out_sends_the_whole_page_to_the_login(client: Client, db: None) -> None:
    answer = client.get("/live/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/jobs/"})
    assert answer["HX-Redirect"] == "/login/?next=/jobs/"


def test_a_wrong_password_is_told_kindly(client: Client, db: None) -> None:
    answer = client.post("/login/", {"username": "nobody", "password": "wrong"})
    html = answer.content.decode()
    assert_is_a_page(html)
    assert "do not belong together" in html and "wrong" not in re.sub(r"<[^>]*>", "", html)


def test_a_person_without_a_workspace_is_told_whom_to_ask(client: Client, db: None) -> None:
    client.force_login(factories.UserFactory())
    answer = client.get("/")
    assert answer.status_code == 403
    assert "Ask an owner" in answer.content.decode()


def test_a_page_that_is_not_there_looks_like_the_others(owner: Client) -> None:
    answer = owner.get("/nowhere/")
    assert answer.status_code == 404
    assert_is_a_page(answer.content.decode())


# -- how many questions a page may ask the database. Session, person, membership and the menu's count are four. -------

BUDGETS = {
    "home": 15,
    "live": 15,
    "stores": 5,
    "products": 9,
    "jobs": 9,
    "job-rows": 9,
    "batches": 6,
    "review": 10,
    "publications": 6,
    "publication-rows": 5,
    "audit": 6,
    "recipes": 6,
}


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(address).status_code in {200, 286}
    return len(asked)


@pytest.mark.parametrize("name", BUDGETS)
def test_a_longer_list_asks_no_more_questions(name: str, merchant: Merchant, owner: Client) -> None:
    address = reverse(f"dashboard:{name}")
    owner.get(address)
    few = queries_of(owner, address)
    for n in range(4):
        merchant.product_in_review(f"Kettle {n}")
        merchant.product_that_is_live(f"Lamp {n}")
        factories.StoreFactory(workspace=merchant.workspace)
        factories.BatchFactory(store=merchant.store, recipe_version=merchant.version)
        factories.RecipeVersionFactory(recipe__workspace=merchant.workspace)
    many = queries_of(owner, address)
    assert many == few
    assert many <= BUDGETS[name]


def test_a_product_with_many_photos_asks_no_more_questions(merchant: Merchant, owner: Client) -> None:
    address = reverse("dashboard:product", args=[merchant.product.pk])
    few = queries_of(owner, address)
    for _ in range(4):
        photo = factories.PhotoFactory(product=merchant.product)
        job = factories.JobFactory(photo=photo, recipe_version=merchant.version, done=True)
        factories.PublicationFactory(item=factories.ItemFactory(job=job, state="approved"))
    assert queries_of(owner, address) <= few <= 12


# -- a strict content security policy will come: nothing inline ------------------------------------------------------

# Mail programs read no style sheet.
TEMPLATES = sorted(
    p for p in (Path(settings.BASE_DIR) / "templates").rglob("*.html") if p.name != "mail.html"
)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_template_has_no_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|\bjs:", text)
    if path.name == "shopify_frame.html":
        # Shopify wants its script from there, in pages that are shown within its administration.
        text = text.replace('src="https://cdn.shopify.com/shopifycloud/app-bridge.js"', "")
    assert not re.search(r"""(?:src|href)=["']https?:""", text), "a page loads from this server only"
