"""Pages in the frame of a shop's administration, as our server answers: who is let in by what, and what is said to others."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apps.dashboard import passes
from apps.stores.models import Store
from tests.dashboard.from_shopify import RETRY, asked, everything
from tests.shopify_app import BEN, HERE, OTHER, SHOP, Shopify, session_token
from tests.shopkeeping import Shop


def framed(path: str, **query: str) -> Any:
    """What the administration asks for when somebody opens a page of ours there."""
    given = {"embedded": "1", "shop": SHOP, "host": "YWRtaW4", "id_token": session_token()} | query
    return Client().get(path, {k: v for k, v in given.items() if v})


def test_every_page_opens_by_its_token_and_only_in_that_shops_frame(shopify: Shopify, teahouse: Shop) -> None:
    for path in ("/products/", "/review/", "/stores/", "/usage/?month=2026-10"):
        answer = framed(path)
        assert answer.status_code == 200, path
        assert answer["Content-Security-Policy"].startswith(f"frame-ancestors https://{SHOP} ")
        assert "X-Frame-Options" not in answer and not answer.cookies
        assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert "csrfmiddlewaretoken" not in answer.content.decode() or answer.cookies == {}


def test_what_belongs_to_the_frame_is_no_part_of_the_page(shopify: Shopify, teahouse: Shop) -> None:
    token = session_token()
    page = framed("/products/", id_token=token, q="pot", page="1").content.decode()
    assert 'value="pot"' in page
    assert token not in page and "YWRtaW4" not in page


def test_a_frame_that_lost_its_token_fetches_one_and_comes_back_to_the_same_page(
    shopify: Shopify, teahouse: Shop
) -> None:
    for answer in (
        Client().get("/products/?q=pot", headers={"Sec-Fetch-Dest": "iframe"}),
        framed("/products/", id_token="", q="pot"),
        framed("/products/", q="pot", id_token=session_token(exp=int(time.time()) - 30, nbf=1)),
    ):
        assert answer.status_code == 302
        where = urlsplit(answer["Location"])
        assert where.path == "/shopify/token/"
        again = parse_qs(where.query)["shopify-reload"][0]
        assert again.startswith(f"{HERE}/products/?q=pot") and "id_token" not in again
        assert Client().get(answer["Location"]).status_code == 200
    assert Client().get("/products/")["Location"].startswith("/login/"), "outside of a frame there is a login"


@pytest.mark.parametrize("path", ["/", "/products/", "/review/", "/audit/"])
def test_a_script_without_a_good_token_gets_nothing_and_is_told_to_fetch_one(
    shopify: Shopify, teahouse: Shop, path: str
) -> None:
    before = everything()
    ended = session_token(exp=int(time.time()) - 30, nbf=int(time.time()) - 90)
    for token in ("", "rubbish", ended, session_token(secret="x" * 40), session_token(OTHER, user=BEN)):
        answer = asked(path, token)
        assert (answer.status_code, answer[RETRY]) == (401, "1")
    assert everything() == before


def test_a_login_of_somebody_else_in_the_same_browser_counts_for_nothing_in_the_frame(
    shopify: Shopify, teahouse: Shop, owner: Client
) -> None:
    page = owner.get("/stores/", headers={"Authorization": f"Bearer {session_token()}"})
    assert teahouse.store.name in page.content.decode()
    assert "Northlight" not in page.content.decode()
    refused = owner.get("/stores/", headers={"Authorization": "Bearer rubbish"})
    assert refused.status_code == 401


def test_a_form_needs_no_cookie_there_and_without_a_token_changes_nothing(
    shopify: Shopify, teahouse: Shop
) -> None:
    store = teahouse.store
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/rendering/pause/", {"wish": "pause"}).status_code == 403
    told = strict.post(
        "/rendering/pause/", {"wish": "pause"}, headers={"Authorization": f"Bearer {session_token()}"}
    )
    assert told.status_code == 302 and not told.cookies
    said = asked(told["Location"], session_token()).content.decode()
    assert 'role="status"' in said, "what was done is told on the next page"
    assert 'role="status"' not in asked(told["Location"], session_token()).content.decode(), "once"
    assert Store.objects.get(pk=store.pk).workspace.pk == store.workspace_id


def test_a_role_counts_in_the_frame_as_everywhere(shopify: Shopify, teahouse: Shop) -> None:
    colleague = session_token(user=BEN)
    assert framed("/stores/", id_token=colleague).status_code == 200
    refused = asked("/usage/budget/", colleague, "post")
    assert refused.status_code == 403
    assert refused["Content-Security-Policy"].startswith("frame-ancestors")


def test_what_leads_to_another_site_is_for_the_whole_window(
    shopify: Shopify, teahouse: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from apps.billing.services import plans

    asked_for: list[str] = []

    def ask(store: Store, *, back: str, by: str) -> Any:
        asked_for.append(back)
        return SimpleNamespace(page=f"https://{SHOP}/admin/charges/1/confirm")

    monkeypatch.setattr(plans, "ask", ask)
    answer = asked(f"/plan/{teahouse.store.pk}/ask/", session_token(), "post")
    assert (answer.status_code, answer["X-Vitrine-Leave"]) == (204, f"https://{SHOP}/admin/charges/1/confirm")
    [back] = asked_for
    assert back.startswith("https://admin.shopify.com/store/teahouse/apps/"), "and back into the frame"


# -- pictures, which browsers fetch without a header ---------------------------------------------------------------


def pictures_on(path: str) -> list[str]:
    page = framed(path).content.decode()
    return [found.replace("&amp;", "&") for found in re.findall(r'<img src="(/media/[^"]+)"', page)]


def test_a_picture_is_shown_by_its_pass_and_by_no_other(shopify: Shopify, teahouse: Shop) -> None:
    teahouse.sell("Pot")
    teahouse.carry()
    teahouse.work()
    shown = pictures_on("/products/")
    assert shown and all("pass=" in address for address in shown)
    address = shown[0]
    answer = Client().get(address)
    assert answer.status_code == 200 and answer["Content-Type"] == "image/webp"
    assert "immutable" in answer["Cache-Control"] and not answer.cookies
    good = parse_qs(urlsplit(address).query)["pass"][0]
    member, until, signature = good.split(".", 2)
    path = address.partition("?")[0]
    other = next(one for one in shown if not one.startswith(path)) if len(shown) > 1 else "/media/photo/1/480"
    for wrong in (
        f"{path}?pass={member}.{until}.{signature[:-2]}xx",
        f"{path}?pass={member}.{int(until) + 1}.{signature}",
        f"{path}?pass={int(member) + 1}.{until}.{signature}",
        f"{path}?pass=",
        f"{path}?pass=1.2",
        f"{path}?pass={'9' * 30}.{until}.{signature}",
        f"{other.partition('?')[0]}?pass={good}",
        f"/products/?pass={good}",
    ):
        assert Client().get(wrong).status_code == 302, wrong
    assert Client().post(address).status_code in {302, 403, 405}


def test_a_pass_ends_and_so_does_it_for_whoever_was_put_out(
    shopify: Shopify, teahouse: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    teahouse.sell("Pot")
    teahouse.carry()
    teahouse.work()
    address = pictures_on("/products/")[0]
    later = time.time() + 12 * 3600 + 1
    with monkeypatch.context() as patch:
        patch.setattr(passes.time, "time", lambda: later)
        assert Client().get(address).status_code == 302
    assert Client().get(address).status_code == 200
    teahouse.owner.is_active = False
    teahouse.owner.save()
    assert Client().get(address).status_code == 302


def test_files_to_download_have_passes_too(shopify: Shopify, teahouse: Shop) -> None:
    page = framed("/usage/").content.decode()
    [address] = re.findall(r'href="(/usage/csv/[^"]+)"', page)
    answer = Client().get(address.replace("&amp;", "&"))
    assert answer.status_code == 200 and "csv" in answer["Content-Type"]
    assert timezone.now().strftime("%Y-%m") in address


def test_outside_of_a_frame_addresses_carry_nothing(shopify: Shopify, teahouse: Shop) -> None:
    teahouse.sell("Pot")
    teahouse.carry()
    teahouse.work()
    browser = Client()
    browser.force_login(teahouse.owner)
    page = browser.get("/products/").content.decode()
    assert (
        "/media/" in page and "pass=" not in page and "s-app-nav" not in page and "shopifycloud" not in page
    )
