"""Vitrine inside a shop's administration: who is let in, and what they find there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import Identity, Member, User, Workspace
from apps.audit.models import Event
from apps.dashboard import tickets
from apps.recipes.models import Recipe
from apps.stores.models import Store
from connectors.errors import NeedsReauth
from tests import shopify_app
from tests.dashboard.from_shopify import (
    asked,
    came_back,
    connected_from_inside,
    everything,
    opened,
    sent_there,
)
from tests.shopify_app import (
    ANNA,
    BEN,
    HERE,
    KEY,
    OTHER,
    SHOP,
    Shopify,
    session_token,
)
from tests.shopkeeping import Shop

# -- who is let in -----------------------------------------------------------------------------------------------


def test_the_first_visit_makes_workspace_member_and_store_without_a_password(shopify: Shopify) -> None:
    answer = opened(session_token())
    assert answer.status_code == 200 and "Fake store" in answer.content.decode()
    store = Store.objects.get()
    assert (store.shop, store.url, store.state, store.open_to_shop) == (
        SHOP,
        f"https://{SHOP}",
        "connected",
        True,
    )
    assert store.credentials["token"] == shopify.shop().live
    member = Member.objects.get()
    assert (member.role, member.workspace, member.user.has_usable_password()) == (
        "owner",
        store.workspace,
        False,
    )
    assert Recipe.objects.get().workspace == store.workspace
    assert store.syncs.count() == 1, "its catalogue is read"
    assert answer.cookies == {}, "no cookie is set in somebody else's page"


def test_only_this_shops_administration_may_show_the_page(shopify: Shopify) -> None:
    answer = opened(session_token())
    assert answer["Content-Security-Policy"] == f"frame-ancestors https://{SHOP} https://admin.shopify.com;"
    assert "X-Frame-Options" not in answer
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    assert f'data-api-key="{KEY}"' in answer.content.decode()
    assert Client().get("/login/")["X-Frame-Options"] == "DENY"


def test_a_second_visit_finds_what_is_there_and_asks_for_no_token(shopify: Shopify) -> None:
    opened(session_token())
    before = everything()
    assert opened(session_token()).status_code == 200
    assert everything() == before
    assert shopify.shop().asked == ["session"]


def test_a_token_may_be_used_until_it_ends(shopify: Shopify) -> None:
    token = session_token()
    assert [opened(token).status_code for _ in range(3)] == [200] * 3
    assert [asked("/", token).status_code for _ in range(3)] == [200] * 3


def test_a_colleague_joins_as_reviewer_and_nobody_twice(shopify: Shopify) -> None:
    opened(session_token())
    for _ in range(2):
        assert opened(session_token(user=BEN)).status_code == 200
    assert sorted(Member.objects.values_list("role", flat=True)) == ["owner", "reviewer"]
    assert Workspace.objects.count() == Store.objects.count() == 1


def test_two_shops_are_two_workspaces_even_for_the_same_person(shopify: Shopify) -> None:
    opened(session_token())
    opened(session_token(OTHER), shop=OTHER)
    assert Store.objects.count() == Workspace.objects.count() == User.objects.count() == 2
    assert {i.member.workspace.stores.get().shop for i in Identity.objects.all()} == {SHOP, OTHER}


def test_nobody_joins_a_workspace_by_name_or_e_mail(shopify: Shopify) -> None:
    user, workspace = accounts.create_owner(
        username=f"shopify-{ANNA}",
        password="a long pass phrase",
        workspace_name="Fake store",
        email="anna@teahouse.example",
    )
    opened(session_token(email="anna@teahouse.example"), email="anna@teahouse.example")
    store = Store.objects.get()
    assert store.workspace != workspace
    assert list(Member.objects.filter(workspace=workspace)) == [Member.objects.get(user=user)]
    assert not Member.objects.filter(user=user, workspace=store.workspace).exists()


def test_a_shop_that_somebody_connected_from_inside_is_not_opened_to_others(shopify: Shopify) -> None:
    user, workspace = accounts.create_owner(
        username="olga", password="a long pass phrase", workspace_name="Olga"
    )
    connected_from_inside(user)
    before = everything()
    answer = opened(session_token())
    assert answer.status_code == 403 and "from inside Vitrine" in answer.content.decode()
    assert "Olga" not in answer.content.decode()
    assert answer["Content-Security-Policy"].startswith(f"frame-ancestors https://{SHOP} ")
    assert asked("/", session_token()).status_code == 401
    assert everything() == before
    assert Store.objects.get().workspace == workspace


def test_a_shop_with_too_few_rights_is_asked_for_more_at_the_next_visit(shopify: Shopify) -> None:
    shopify.shop().scope = "write_products"
    opened(session_token())
    shopify.shop().scope = shopify_app.SCOPE
    opened(session_token())
    assert shopify.shop().asked == ["session", "session"]
    assert Store.objects.get().credentials["scope"] == shopify_app.SCOPE


@pytest.mark.parametrize("error", [shopify_app.unavailable(), NeedsReauth("invalid_subject_token")])
def test_where_shopify_gives_no_access_nothing_is_kept(shopify: Shopify, error: Any) -> None:
    shopify.failing = error
    before = everything()
    assert opened(session_token()).status_code == 503
    assert everything() == before


def test_somebody_who_was_closed_out_stays_out(shopify: Shopify) -> None:
    opened(session_token())
    User.objects.update(is_active=False)
    assert asked("/", session_token()).status_code == 401
    assert asked("/shopify/open/", session_token(), "post").status_code == 401


# -- the tab of its own ------------------------------------------------------------------------------------------


def test_a_tab_of_its_own_is_opened_once_with_a_login(shopify: Shopify) -> None:
    opened(session_token())
    url = asked("/shopify/open/", session_token(), "post").json()["url"]
    assert url.startswith(f"{HERE}/shopify/enter/?ticket=")
    mine, thief = Client(), Client()
    path = url.removeprefix(HERE)
    assert mine.get(path)["Location"] == "/"
    assert mine.get("/").status_code == 200
    assert thief.get(path).status_code == 401 and "_auth_user_id" not in thief.session


def test_a_ticket_is_worth_nothing_after_a_minute_or_made_up(shopify: Shopify) -> None:
    from apps.lib import wire

    opened(session_token())
    ticket = tickets.give(Member.objects.get().pk)
    [key] = wire.client().keys("vitrine:ticket:*")
    assert ticket not in key.decode() and 0 < wire.client().ttl(key) <= 60
    for guess in ("", "guess", "пиво"):
        assert Client().get("/shopify/enter/", {"ticket": guess}).status_code == 401
    User.objects.update(is_active=False)
    assert Client().get("/shopify/enter/", {"ticket": ticket}).status_code == 401


def test_no_address_that_holds_a_secret_is_written_down(shopify: Shopify) -> None:
    token = session_token()
    answer = opened(token)
    for name in ("QUERY_STRING", "RAW_URI", "REQUEST_URI"):
        assert token not in str(answer.wsgi_request.META.get(name, ""))
    client = Client()
    back = came_back(sent_there(client))
    answer = client.get("/shopify/callback/", back)
    assert back["code"] not in str(answer.wsgi_request.META.get("QUERY_STRING", ""))


def test_where_nobody_set_it_up_it_says_so(shopify: Shopify, settings: Any) -> None:
    settings.SHOPIFY_API_KEY = settings.SHOPIFY_API_SECRET = ""
    assert opened(session_token()).status_code == 401
    answer = Client().get("/shopify/install/", {"shop": SHOP})
    assert answer.status_code == 503 and "SHOPIFY_API_KEY" in answer.content.decode()


def test_pages_lead_to_where_the_shop_is(shopify: Shopify, settings: Any) -> None:
    opened(session_token())
    store, browser = Store.objects.get(), Client()
    browser.force_login(User.objects.get())

    def shown() -> str:
        pages = [browser.get(path).content.decode() for path in ("/stores/", f"/stores/{store.pk}/")]
        assert "<dt>Platform</dt><dd>Shopify" in pages[0]
        return "".join(pages)

    assert f'<a href="https://{SHOP}" ' in shown()
    settings.SHOPIFY_API_ROOT = "http://127.0.0.1:8002/{shop}/admin/"
    page = shown()
    assert f'<a href="http://127.0.0.1:8002/{SHOP}/" ' in page and f"https://{SHOP}" not in page
    outside = Client().get("/shopify/", {"shop": SHOP})
    assert outside["Location"] == f"http://127.0.0.1:8002/{SHOP}/admin/apps/{KEY}"


def test_the_page_says_how_it_stands(shopify: Shopify, teahouse: Shop) -> None:
    teahouse.sell("Pot")
    teahouse.carry()
    page = asked("/products/", session_token()).content.decode()
    assert "Pot" in page and "<s-app-nav>" in page


def test_a_page_that_is_open_brings_lost_access_back_by_itself(shopify: Shopify, teahouse: Shop) -> None:
    shopify.revoke()
    Store.objects.update(state="broken", problem="It took our access back.")
    shopify.failing = shopify_app.unavailable()
    part = asked("/", session_token()).content.decode()
    assert "took our access back" in part and "Reload this page" in part
    shopify.failing = None
    assert "took our access back" not in asked("/", session_token()).content.decode()
    assert (Store.objects.get().state, Store.objects.get().credentials["token"]) == (
        "connected",
        shopify.shop().live,
    )


def test_who_came_from_shopify_enters_where_their_mail_goes(shopify: Shopify) -> None:
    opened(session_token())
    url = asked("/shopify/open/", session_token(), "post").json()["url"]
    client = Client()
    client.get(url.removeprefix(HERE))
    assert "Enter one here" in client.get("/notices/").content.decode()
    for address, kept in (
        ("anna@teahouse.example", "anna@teahouse.example"),
        ("no address", "anna@teahouse.example"),
        ("", ""),
    ):
        assert client.post("/notices/address/", {"address": address}).status_code == 302
        assert User.objects.get().email == kept
    assert Event.objects.filter(verb="member.address").count() == 2


def test_an_owner_lets_the_people_of_their_shop_in(shopify: Shopify) -> None:
    user, workspace = accounts.create_owner(
        username="olga", password="a long pass phrase", workspace_name="Olga"
    )
    connected_from_inside(user)
    store = Store.objects.get()
    client = Client()
    client.force_login(user)
    assert "not let in from Shopify" in client.get(f"/stores/{store.pk}/").content.decode()
    client.post(f"/stores/{store.pk}/people/", {"everybody": "yes"})
    assert opened(session_token()).status_code == 200
    member = Member.objects.exclude(user=user).get()
    assert (member.workspace, member.role) == (workspace, "reviewer")
    client.post(f"/stores/{store.pk}/people/", {"everybody": "no"})
    assert opened(session_token()).status_code == 200, "who is in stays"
    assert opened(session_token(user=BEN)).status_code == 403
    assert Event.objects.filter(verb__startswith="store.people").count() == 2
