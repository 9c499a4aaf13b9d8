"""Installing, tokens that end, session tokens: as Shopify gives access and takes it back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from connectors.sandbox.shopify.access import REFRESH_LIFE_S, RETRY_LIFE_S
from connectors.sandbox.shopify.oauth import EXCHANGE, ID_TOKEN, OFFLINE, ONLINE
from connectors.sandbox.shopify.server import ShopifySandbox

Shop = Any
BACK = "https://app.example/shopify/callback/"
ASK = "{shop{name}}"


def token_call(shop: Shop, **given: Any) -> requests.Response:
    app = {"client_id": shop.platform.client_id, "client_secret": shop.platform.client_secret}
    return shop.web.post(f"{shop.root}oauth/access_token", json={**app, **given}, timeout=20)


def token(shop: Shop, **given: Any) -> dict[str, Any]:
    answer = token_call(shop, **given)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refusal(shop: Shop, **given: Any) -> str:
    answer = token_call(shop, **given)
    assert answer.status_code >= 400
    return str(answer.json()["error"])


def opens(shop: Shop, access: str) -> int:
    headers = {"X-Shopify-Access-Token": access}
    return int(shop.post("api/2026-10/graphql.json", {"query": ASK}, headers=headers).status_code)


def approve(shop: Shop, choice: str = "install", **changes: str) -> dict[str, str]:
    """What the browser brings back from the page that asks."""
    query = {
        "client_id": shop.platform.client_id,
        "scope": "write_products,write_files",
        "redirect_uri": BACK,
        "state": "s-1",
        **changes,
    }
    address = f"{shop.root}oauth/authorize?{urlencode(query)}"
    assert "Install App in" in shop.web.get(address, timeout=20).text
    answer = shop.web.post(address, data={choice: "1"}, allow_redirects=False, timeout=20)
    assert answer.headers["Location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchange(shop: Shop, session: str, **changes: Any) -> dict[str, Any]:
    return {
        "grant_type": EXCHANGE,
        "subject_token": session,
        "subject_token_type": ID_TOKEN,
        "requested_token_type": OFFLINE,
        "expiring": "1",
        **changes,
    }


# -- code grant -------------------------------------------------------------------------------------------


def test_an_approval_brings_a_signed_code_and_that_a_token_that_ends(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(installed=False)
    brought = approve(shop)
    claimed = brought.pop("hmac")
    message = urlencode(sorted(brought.items())).encode()
    assert claimed == hmac.new(shop.platform.client_secret.encode(), message, hashlib.sha256).hexdigest()
    assert (brought["state"], brought["shop"]) == ("s-1", shop.name)
    assert (
        base64.b64decode(brought["host"] + "==").decode().endswith(shop.name.removesuffix(".myshopify.com"))
    )
    given = token(shop, code=brought["code"], expiring="1")
    assert given["scope"] == "write_files,write_products"
    assert 3590 <= given["expires_in"] <= 3600
    assert given["refresh_token_expires_in"] > REFRESH_LIFE_S - 10
    assert opens(shop, given["access_token"]) == 200


def test_a_code_is_good_once_and_in_its_own_shop(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop(installed=False), open_shop(installed=False)
    code = approve(shop)["code"]
    assert refusal(other, code=code, expiring="1") == "invalid_request"
    token(shop, code=code, expiring="1")
    assert refusal(shop, code=code, expiring="1") == "invalid_request"


def test_a_merchant_who_says_no_installs_nothing(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(installed=False)
    assert approve(shop, "cancel")["error"] == "access_denied"
    assert shop.platform.site.access.installed(shop.name) is None


def test_who_approved_before_is_not_asked_again(shop: Shop) -> None:
    query = {
        "client_id": "app-1",
        "scope": "write_products",
        "redirect_uri": BACK,
        "state": "x",
    }
    answer = shop.web.get(f"{shop.root}oauth/authorize?{urlencode(query)}", allow_redirects=False, timeout=20)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["state"] == ["x"]


@pytest.mark.parametrize(
    ("changes", "words"), [({"client_id": "other"}, "api_key"), ({"redirect_uri": "ftp://x"}, "redirect_uri")]
)
def test_the_page_refuses_other_apps_and_odd_addresses(
    shop: Shop, changes: dict[str, str], words: str
) -> None:
    query = {"client_id": "app-1", "scope": "write_products", "redirect_uri": BACK, "state": "x", **changes}
    answer = shop.web.get(f"{shop.root}oauth/authorize?{urlencode(query)}", timeout=20)
    assert answer.status_code == 400
    assert words in answer.text


# -- token exchange ---------------------------------------------------------------------------------------


def test_a_session_token_brings_a_token_as_often_as_it_is_good(shop: Shop, platform: ShopifySandbox) -> None:
    session = platform.site.session_token(shop.name, "77")
    first, second = (token(shop, **exchange(shop, session)) for _ in range(2))
    assert first["access_token"] != second["access_token"]
    assert opens(shop, first["access_token"]) == opens(shop, second["access_token"]) == 200
    online = token(shop, **exchange(shop, session, requested_token_type=ONLINE))
    assert online["associated_user"]["id"] == 77
    assert "refresh_token" not in online


def test_a_session_token_is_one_that_any_library_can_read(shop: Shop, platform: ShopifySandbox) -> None:
    jwt = pytest.importorskip("jwt")
    session = platform.site.session_token(shop.name, "77")
    claims = jwt.decode(session, platform.client_secret, algorithms=["HS256"], audience="app-1")
    assert claims["iss"] == f"https://{shop.name}/admin"
    assert claims["dest"] == f"https://{shop.name}"
    assert claims["sub"] == "77"
    assert claims["exp"] - claims["nbf"] == 60
    odd = platform.site.session_token(shop.name, claims={"exp": None}, header={"alg": "none"})
    head, body, _ = odd.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==="))["alg"] == "none"
    assert "exp" not in json.loads(base64.urlsafe_b64decode(body + "==="))


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {"aud": "another-app"}},
        {"claims": {"dest": "https://elsewhere.myshopify.com"}},
        {"claims": {"exp": 1_700_000_000}},
        {"claims": {"nbf": 4_000_000_000}},
        {"secret": "guessed"},
    ],
)
def test_a_session_token_that_is_not_good_is_refused(
    shop: Shop, platform: ShopifySandbox, wrong: dict[str, Any]
) -> None:
    session = platform.site.session_token(shop.name, **wrong)
    assert refusal(shop, **exchange(shop, session)) == "invalid_subject_token"


def test_nothing_is_exchanged_where_the_app_is_not_installed(
    open_shop: Callable[..., Shop], platform: ShopifySandbox
) -> None:
    shop = open_shop(installed=False)
    session = platform.site.session_token(shop.name)
    assert refusal(shop, **exchange(shop, session)) == "invalid_subject_token"


def test_the_endpoint_knows_its_app(shop: Shop) -> None:
    assert refusal(shop, client_id="other", code="c") == "application_cannot_be_found"
    assert refusal(shop, client_secret="other", code="c") == "invalid_client"
    assert refusal(shop, grant_type="password") == "unsupported_grant_type"


# -- refresh ----------------------------------------------------------------------------------------------


def test_a_refresh_token_may_be_used_again_until_what_it_brought_is_used(
    shop: Shop, platform: ShopifySandbox
) -> None:
    first = platform.site.token(shop.name)
    ask = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = token(shop, **ask)
    again = token(shop, **ask)  # the answer got lost
    assert (again["access_token"], again["refresh_token"]) == (
        second["access_token"],
        second["refresh_token"],
    )
    assert opens(shop, second["access_token"]) == 200
    assert refusal(shop, **ask) == "invalid_grant"
    third = token(shop, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert opens(shop, third["access_token"]) == 200


def test_refreshing_with_the_new_one_ends_the_old_one_too(shop: Shop, platform: ShopifySandbox) -> None:
    first = platform.site.token(shop.name)
    second = token(shop, grant_type="refresh_token", refresh_token=first["refresh_token"])
    token(shop, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert refusal(shop, grant_type="refresh_token", refresh_token=first["refresh_token"]) == "invalid_grant"


def test_tokens_end(shop: Shop, platform: ShopifySandbox, frozen: Callable[[float], None]) -> None:
    first = platform.site.token(shop.name)
    frozen(3599)
    assert opens(shop, first["access_token"]) == 200
    frozen(1)
    assert opens(shop, first["access_token"]) == 401
    ask = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    token(shop, **ask)
    frozen(RETRY_LIFE_S + 1)  # a retriable one is so for thirty days
    assert refusal(shop, **ask) == "invalid_grant"
    late = platform.site.token(shop.name)
    frozen(REFRESH_LIFE_S + 1)
    assert refusal(shop, grant_type="refresh_token", refresh_token=late["refresh_token"]) == "invalid_grant"


def test_a_token_that_never_ends_opens_nothing_and_can_be_migrated_once(
    shop: Shop, platform: ShopifySandbox
) -> None:
    old = platform.site.token(shop.name, expiring=False)
    assert "refresh_token" not in old
    assert opens(shop, old["access_token"]) == 403
    ask = exchange(shop, old["access_token"], subject_token_type=OFFLINE)
    new = token(shop, **ask)
    assert opens(shop, new["access_token"]) == 200
    assert refusal(shop, **ask) == "invalid_subject_token"
    assert opens(shop, old["access_token"]) == 401


def test_a_token_opens_its_own_shop_only(open_shop: Callable[..., Shop]) -> None:
    here, there = open_shop(), open_shop()
    assert opens(here, there.token) == 401
    assert opens(here, "") == 401


# -- taking back ------------------------------------------------------------------------------------------


def test_uninstalling_kills_the_tokens_at_once_and_a_reinstall_needs_new_ones(
    shop: Shop, platform: ShopifySandbox
) -> None:
    given = platform.site.token(shop.name)
    platform.site.uninstall(shop.name)
    assert opens(shop, shop.token) == opens(shop, given["access_token"]) == 401
    ask = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert refusal(shop, **ask) == "invalid_grant"
    platform.site.install(shop.name)
    assert opens(shop, shop.token) == 401
    assert refusal(shop, **ask) == "invalid_grant"


def test_an_app_may_uninstall_itself(shop: Shop, platform: ShopifySandbox) -> None:
    headers = {"X-Shopify-Access-Token": shop.token}
    answer = shop.web.delete(
        f"{platform.url}/{shop.name}/admin/api_permissions/current.json", headers=headers, timeout=20
    )
    assert answer.status_code == 200
    assert platform.site.access.installed(shop.name) is None


def test_taking_tokens_back_leaves_the_app_installed(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.access.revoke(shop.name)
    assert opens(shop, shop.token) == 401
    session = platform.site.session_token(shop.name)
    assert opens(shop, token(shop, **exchange(shop, session))["access_token"]) == 200


@pytest.mark.parametrize(("state", "status"), [("frozen", 402), ("locked", 423), ("closed", 404)])
def test_a_shop_that_is_not_open_answers_nothing(
    shop: Shop, platform: ShopifySandbox, state: str, status: int
) -> None:
    platform.site.set_state(shop.name, state)
    assert opens(shop, shop.token) == status


def test_during_a_rotation_both_secrets_are_good_and_the_old_one_still_signs(
    shop: Shop, platform: ShopifySandbox, frozen: Callable[[float], None]
) -> None:
    access, old = platform.site.access, platform.client_secret
    new = access.rotate()
    session = platform.site.session_token(shop.name)
    assert session.rpartition(".")[2] == _signature(session, old)
    for secret in (old, new):
        token(shop, client_secret=secret, **exchange(shop, session))
    frozen(3601)
    later = platform.site.session_token(shop.name)
    assert later.rpartition(".")[2] == _signature(later, new)
    access.drop_old_secret()
    assert refusal(shop, client_secret=old, **exchange(shop, later)) == "invalid_client"


def _signature(session: str, secret: str) -> str:
    digest = hmac.new(secret.encode(), session.rpartition(".")[0].encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# -- Admin's frame ----------------------------------------------------------------------------------------


def test_admin_opens_the_app_in_a_frame_with_everything_it_needs(
    open_shop: Callable[..., Shop], platform: ShopifySandbox
) -> None:
    shop = open_shop(installed=False)
    address = f"{shop.root}apps/app-1"
    assert "Install App in" in shop.web.get(address, timeout=20).text
    assert "All products" in shop.web.post(address, data={"cancel": "1"}, timeout=20).text
    assert platform.site.access.installed(shop.name) is None
    page = shop.web.post(address, timeout=20).text  # managed installation: Shopify alone
    assert platform.site.access.scopes(shop.name) == ("write_products", "write_files")
    query = page.partition('src="')[2].partition('"')[0].partition("?")[2].replace("&amp;", "&")
    brought = dict(parse_qsl(query))
    claimed = brought.pop("hmac")
    message = urlencode(sorted(brought.items())).encode()
    assert claimed == hmac.new(platform.client_secret.encode(), message, hashlib.sha256).hexdigest()
    assert (brought["shop"], brought["embedded"]) == (shop.name, "1")
    token(shop, **exchange(shop, brought["id_token"]))
    fresh = shop.web.get(f"{address}/session-token?user=5", timeout=20).json()["token"]
    assert platform.site.access.reads_session(shop.name, fresh) == "5"
