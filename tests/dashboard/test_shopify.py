"""Vitrine inside a shop's administration: who is let in, who is not, and that nothing changes for those who are not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Identity, Member, User, Workspace
from apps.audit.models import Event
from apps.dashboard import tickets
from apps.recipes.models import Recipe
from apps.stores.models import Install, Store
from connectors.errors import NeedsReauth
from tests import shopify_app
from tests.shopify_app import (
    ANNA,
    BEN,
    HERE,
    KEY,
    OLD,
    OTHER,
    SECRET,
    SHOP,
    Shopify,
    session_token,
    signed_query,
)
from tests.shopkeeping import Shop

RETRY = "X-Shopify-Retry-Invalid-Session-Request"


def opened(token: str, client: Client | None = None, **more: str) -> Any:
    """The frame's first request."""
    query = {"embedded": "1", "shop": SHOP, "host": "YWRtaW4", "id_token": token} | more
    return (client or Client()).get("/shopify/", {k: v for k, v in query.items() if v})


def asked(path: str, token: str, method: str = "get", **headers: str) -> Any:
    """What the page's script asks."""
    call = getattr(Client(), method)
    return call(path, headers={"Authorization": f"Bearer {token}", **headers})


def everything() -> dict[str, Any]:
    """But for when somebody was last there."""
    Store.objects.update(opened_at=None)
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Store, User, Member, Workspace, Identity, Install, Recipe, Session)
    } | {"events": Event.objects.count()}


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
    assert [asked("/shopify/now/", token).status_code for _ in range(3)] == [200] * 3


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
    assert asked("/shopify/now/", session_token()).status_code == 401
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
    assert asked("/shopify/now/", session_token()).status_code == 401
    assert asked("/shopify/open/", session_token(), "post").status_code == 401


# -- who is not --------------------------------------------------------------------------------------------------


def signed_by_hand(head: dict[str, Any], token: str, key: str = SECRET) -> str:
    """The claims of a good token under another head, signed with HMAC whatever the head says."""
    import hashlib
    import hmac

    claims = token.split(".")[1]
    first = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    mac = hmac.new(key.encode(), f"{first}.{claims}".encode(), hashlib.sha256).digest()
    return f"{first}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def by_rsa() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(
        jwt.decode(session_token(), options={"verify_signature": False}), key, algorithm="RS256"
    )


def with_a_letter_changed(part: int) -> str:
    parts = session_token().split(".")
    middle = len(parts[part]) // 2
    parts[part] = (
        parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    )
    return ".".join(parts)


def now(seconds: float) -> int:
    return int(time.time() + seconds)


WRONG: dict[str, Callable[[], str]] = {
    "no end": lambda: session_token(exp=None),
    "no beginning": lambda: session_token(nbf=None),
    "not yet": lambda: session_token(nbf=now(60)),
    "an end that is a word": lambda: session_token(exp=str(now(60))),
    "an end that is true": lambda: session_token(exp=True),
    "meant for another app": lambda: session_token(aud="another"),
    "meant for nobody": lambda: session_token(aud=None),
    "meant for many": lambda: session_token(aud=[KEY, "another"]),
    "from another shop": lambda: session_token(iss=f"https://{OTHER}/admin"),
    "for another shop": lambda: session_token(dest=f"https://{OTHER}"),
    "from nobody": lambda: session_token(iss=None),
    "for no shop": lambda: session_token(dest=None),
    "for what is no shop of Shopify's": lambda: session_token(
        iss="https://evil.example/admin", dest="https://evil.example"
    ),
    "a name that only ends like one": lambda: session_token(
        iss="https://evil.example#teahouse.myshopify.com", dest="https://evil.example#teahouse.myshopify.com"
    ),
    "a name that only begins like one": lambda: session_token(
        iss=f"https://{SHOP}.evil.example/admin", dest=f"https://{SHOP}.evil.example"
    ),
    "with a user in the address": lambda: session_token(
        iss=f"https://{SHOP}@evil.example/admin", dest=f"https://{SHOP}@evil.example"
    ),
    "http": lambda: session_token(iss=f"http://{SHOP}/admin", dest=f"http://{SHOP}"),
    "of no user": lambda: session_token(sub=None),
    "of a user who is no number": lambda: session_token(sub="gid://shopify/User/1"),
    "another secret": lambda: session_token(secret="shpss_guess-guess-guess-guess-guess-guess"),
    "the secret of before": lambda: session_token(secret=OLD),
    "an empty secret": lambda: signed_by_hand({"alg": "HS256", "typ": "JWT"}, session_token(), key=""),
    "no algorithm": lambda: signed_by_hand({"alg": "none", "typ": "JWT"}, session_token()),
    "no algorithm and no signature": lambda: session_token().rpartition(".")[0] + ".",
    "RS256, signed with the secret": lambda: signed_by_hand({"alg": "RS256", "typ": "JWT"}, session_token()),
    "RS256, signed with a key": by_rsa,
    "HS512": lambda: session_token(algorithm="HS512", secret=SECRET),
    "a key that it names itself": lambda: signed_by_hand(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "Z3Vlc3M"}}, session_token(), key="guess"
    ),
    "changed claims": lambda: with_a_letter_changed(1),
    "a changed signature": lambda: with_a_letter_changed(2),
    "a part too few": lambda: session_token().rpartition(".")[0],
    "a part too many": lambda: session_token() + ".AAAA",
    "no token at all": lambda: "undefined",
    "an API key of ours": lambda: "vtr_0123456789",
    "a megabyte": lambda: "A" * 5000 + "." + "A" * 5000 + ".A",
    "letters of another world": lambda: "пиво.чай.кофе",
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_who_was_not_sent_by_shopify_is_refused_and_changes_nothing(wrong: str, shopify: Shopify) -> None:
    opened(session_token())
    before, tokens_asked = everything(), list(shopify.shop().asked)
    token = WRONG[wrong]()
    for answer in (opened(token), opened(token, shop=OTHER), opened(token, shop="")):
        assert answer.status_code == 401 and answer.cookies == {}
    sent = token.encode().decode("latin-1")
    for path, method in (("/shopify/now/", "get"), ("/shopify/open/", "post")):
        answer = asked(path, sent, method)
        assert (answer.status_code, answer[RETRY]) == (401, "1")
    assert everything() == before and shopify.shop().asked == tokens_asked


def test_a_token_of_one_shop_opens_no_page_of_another(shopify: Shopify) -> None:
    opened(session_token())
    opened(session_token(OTHER), shop=OTHER)
    before = everything()
    assert opened(session_token(OTHER), shop=SHOP).status_code == 401
    assert everything() == before
    assert asked("/shopify/now/", session_token(OTHER, user=BEN)).status_code == 401, "nobody of theirs"


def test_a_token_that_has_ended_is_exchanged_by_the_page_or_the_script(shopify: Shopify) -> None:
    opened(session_token())
    before = everything()
    ended = session_token(exp=now(-30), nbf=now(-90))
    answer = opened(ended)
    assert answer.status_code == 302 and ended not in answer["Location"]
    where = urlsplit(answer["Location"])
    again = parse_qs(where.query)["shopify-reload"][0]
    assert (
        where.path == "/shopify/token/" and again.startswith(f"{HERE}/shopify/?") and "id_token" not in again
    )
    page = Client().get(answer["Location"])
    assert page.status_code == 200 and "app-bridge.js" in page.content.decode()
    assert SHOP in page["Content-Security-Policy"]
    late = asked("/shopify/now/", ended)
    assert (late.status_code, late[RETRY]) == (401, "1")
    assert everything() == before


@pytest.mark.parametrize(
    "away", ["https://evil.example/", f"{HERE}.evil.example/shopify/?", "javascript:alert(1)", ""]
)
def test_the_page_that_fetches_a_token_leads_to_us_only(shopify: Shopify, away: str) -> None:
    assert Client().get("/shopify/token/", {"shop": SHOP, "shopify-reload": away}).status_code == 400


def test_ten_seconds_are_given_to_clocks_that_differ(shopify: Shopify) -> None:
    assert opened(session_token(exp=now(-5), nbf=now(-65))).status_code == 200
    assert opened(session_token(nbf=now(5))).status_code == 200


def test_outside_the_frame_the_way_in_is_shown(shopify: Shopify) -> None:
    answer = opened("", embedded="")
    assert answer["Location"] == f"https://admin.shopify.com/store/teahouse/apps/{KEY}"
    assert opened("", embedded="1")["Location"].startswith("/shopify/token/")
    assert opened("", shop="evil.example").status_code == 400


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


# -- the way over the shop's page --------------------------------------------------------------------------------


def connected_from_inside(user: User) -> None:
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    answer = client.get("/shopify/callback/", came_back(page))
    assert answer["Location"] == f"/stores/{Store.objects.get(shop=SHOP).pk}/connected/"


def came_back(page: str, *, secret: str = SECRET, **other: str) -> dict[str, str]:
    state = parse_qs(urlsplit(page).query)["state"][0]
    return signed_query(
        secret, **({"code": "a-code", "shop": SHOP, "state": state, "host": "YWRtaW4"} | other)
    )


def sent_there(client: Client, shop: str = SHOP) -> str:
    answer = client.get("/shopify/install/", {"shop": shop})
    assert answer.status_code == 303
    return answer["Location"]


def test_a_merchant_approves_on_the_shops_page_and_is_led_into_the_administration(shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    where = urlsplit(page)
    asks = {k: v[0] for k, v in parse_qs(where.query).items()}
    assert (where.netloc, where.path) == (SHOP, "/admin/oauth/authorize")
    assert (asks["client_id"], asks["scope"], asks["redirect_uri"]) == (
        KEY, "write_products,write_files", f"{HERE}/shopify/callback/",
    )  # fmt: skip
    cookie = client.cookies["vitrine_install"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/shopify/"
    answer = client.get("/shopify/callback/", came_back(page))
    assert answer["Location"] == f"https://admin.shopify.com/store/teahouse/apps/{KEY}"
    store = Store.objects.get()
    assert (store.shop, store.credentials["token"]) == (SHOP, shopify.shop().live)
    assert not User.objects.exists(), "who it is, the administration says"
    assert opened(session_token()).status_code == 200
    assert Member.objects.get().role == "owner" and shopify.shop().asked == ["code"]


def test_the_cookie_travels_by_https_only_where_we_have_it(shopify: Shopify, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    client = Client()
    sent_there(client)
    assert client.cookies["vitrine_install"]["secure"]


def test_neither_state_nor_cookie_is_made_with_the_secret_of_the_app(shopify: Shopify) -> None:
    client = Client()
    state = parse_qs(urlsplit(sent_there(client)).query)["state"][0]
    row = Install.objects.get()
    assert state not in {row.state_sha256, row.browser_sha256}
    assert client.cookies["vitrine_install"].value != state


def test_an_owner_connects_a_shop_to_the_workspace_they_are_in(shopify: Shopify) -> None:
    user, workspace = accounts.create_owner(
        username="olga", password="a long pass phrase", workspace_name="Olga"
    )
    client = Client()
    client.force_login(user)
    page = client.get("/shopify/install/", {"shop": SHOP})
    assert page.status_code == 200 and "Olga" in page.content.decode(), "they are asked first"
    connected_from_inside(user)
    store = Store.objects.get()
    assert (store.workspace, store.open_to_shop) == (workspace, False)


def test_only_an_owner_does(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    Member.objects.update(role="reviewer")
    client = Client()
    client.force_login(user)
    assert client.post("/shopify/install/", {"shop": SHOP}).status_code == 403
    assert Client(enforce_csrf_checks=True).post("/shopify/install/", {"shop": SHOP}).status_code == 403
    assert not Install.objects.exists()


def test_one_shop_belongs_to_one_workspace(shopify: Shopify) -> None:
    opened(session_token())
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    answer = client.post("/shopify/install/", {"shop": SHOP})
    assert answer.status_code == 403 and "another workspace" in answer.content.decode()
    assert not Install.objects.exists() and Store.objects.count() == 1


def test_a_shop_that_became_somebody_elses_meanwhile_is_left_to_them(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    opened(session_token())
    mine = Store.objects.get()
    assert client.get("/shopify/callback/", came_back(page)).status_code == 403
    assert Store.objects.get() == mine and shopify.shop().asked == ["session"]


def test_a_code_that_shopify_does_not_take_leaves_nothing(shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    assert client.get("/shopify/callback/", came_back(page, code="other")).status_code == 502
    assert not Store.objects.exists()


def spoiled(**fields: str) -> Callable[[str], dict[str, str]]:
    """Signed as it should be, and then changed."""
    return lambda page: came_back(page) | fields


def late(page: str) -> dict[str, str]:
    return came_back(page, timestamp=str(now(-600)))


def unsigned(page: str) -> dict[str, str]:
    return {k: v for k, v in came_back(page).items() if k != "hmac"}


WRONG_BACK: dict[str, Callable[[str], dict[str, str]]] = {
    "no signature": unsigned,
    "an empty one": spoiled(hmac=""),
    "a guess": spoiled(hmac="0" * 64),
    "in other letters": spoiled(hmac="ж" * 64),
    "signed with another secret": lambda page: came_back(page, secret="guess"),
    "signed with the secret of before": lambda page: came_back(page, secret=OLD),
    "another code": spoiled(code="another"),
    "another shop": spoiled(shop=OTHER),
    "another state": spoiled(state="another"),
    "something added": spoiled(extra="1"),
    "from ten minutes ago": late,
    "without a time": lambda page: signed_query(
        **{k: v for k, v in came_back(page).items() if k not in {"hmac", "timestamp"}}, timestamp=""
    ),
    "signed for another shop than it went to": lambda page: came_back(page, shop=OTHER),
    "signed for what is no shop": lambda page: came_back(page, shop="evil.example"),
    "signed with a state that nobody gave out": lambda page: came_back(page, state="made-up"),
    "signed without a state": lambda page: came_back(page, state=""),
}


@pytest.mark.parametrize("wrong", WRONG_BACK, ids=str)
def test_who_comes_back_otherwise_is_refused_and_changes_nothing(wrong: str, shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    before = everything()
    assert client.get("/shopify/callback/", WRONG_BACK[wrong](page)).status_code == 401
    assert everything() == before and shopify.shop().asked == []
    assert client.get("/shopify/callback/", came_back(page)).status_code == 302, "the right one still works"


def test_a_name_that_comes_twice_is_none_of_shopifys(shopify: Shopify) -> None:
    client = Client()
    back = came_back(sent_there(client))
    query = "&".join(f"{k}={v}" for k, v in back.items())
    assert client.get(f"/shopify/callback/?shop={OTHER}&{query}").status_code == 401
    assert client.get(f"/shopify/callback/?{query}&state=other").status_code == 401
    assert not Store.objects.exists()


def test_nobody_comes_back_twice_or_in_another_browser_or_too_late(shopify: Shopify) -> None:
    client, thief = Client(), Client()
    page = sent_there(client)
    sent_there(thief)
    assert thief.get("/shopify/callback/", came_back(page)).status_code == 401, "a cookie of their own"
    assert Client().get("/shopify/callback/", came_back(page)).status_code == 401, "none at all"
    with time_machine.travel(timezone.now() + installing_good_for()):
        assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert not Store.objects.exists()
    cookie = client.cookies["vitrine_install"].value
    assert client.get("/shopify/callback/", came_back(page)).status_code == 302
    before = everything()
    client.cookies["vitrine_install"] = cookie
    assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert everything() == before and shopify.shop().asked == ["code"]


def installing_good_for() -> Any:
    from apps.stores import installing

    return installing.GOOD_FOR


def test_what_an_owner_began_nobody_else_finishes(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    client.logout()
    assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    "shop", ["", "teahouse", "teahouse.example", "evil.example/teahouse.myshopify.com", "-x.myshopify.com"]
)
def test_what_is_no_shop_leads_nowhere(shopify: Shopify, shop: str) -> None:
    assert Client().get("/shopify/install/", {"shop": shop}).status_code == 400
    assert not Install.objects.exists()


def test_an_install_that_begins_at_shopify_has_to_be_signed_by_it(shopify: Shopify) -> None:
    assert Client().get("/shopify/install/", signed_query(shop=SHOP, host="x")).status_code == 303
    assert Client().get("/shopify/install/", signed_query("guess", shop=SHOP)).status_code == 401
    assert Install.objects.count() == 1


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


def test_the_page_says_how_it_stands(shopify: Shopify, teahouse: Shop) -> None:
    teahouse.sell("Pot")
    teahouse.carry()
    part = asked("/shopify/now/", session_token()).content.decode()
    assert "<dd>1</dd>" in part


def test_a_page_that_is_open_brings_lost_access_back_by_itself(shopify: Shopify, teahouse: Shop) -> None:
    shopify.revoke()
    Store.objects.update(state="broken", problem="It took our access back.")
    shopify.failing = shopify_app.unavailable()
    part = asked("/shopify/now/", session_token()).content.decode()
    assert "took our access back" in part and "Reload this page" in part
    shopify.failing = None
    assert "took our access back" not in asked("/shopify/now/", session_token()).content.decode()
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
