"""Who was not sent by Shopify is not let in, and nothing changes for their asking."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.test import Client

from tests.dashboard.from_shopify import (
    RETRY,
    asked,
    everything,
    opened,
)
from tests.shopify_app import (
    BEN,
    HERE,
    KEY,
    OLD,
    OTHER,
    SECRET,
    SHOP,
    Shopify,
    session_token,
)

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
    for path, method in (("/", "get"), ("/shopify/open/", "post")):
        answer = asked(path, sent, method)
        assert (answer.status_code, answer[RETRY]) == (401, "1")
    assert everything() == before and shopify.shop().asked == tokens_asked


def test_a_token_of_one_shop_opens_no_page_of_another(shopify: Shopify) -> None:
    opened(session_token())
    opened(session_token(OTHER), shop=OTHER)
    before = everything()
    assert opened(session_token(OTHER), shop=SHOP).status_code == 401
    assert everything() == before
    assert asked("/", session_token(OTHER, user=BEN)).status_code == 401, "nobody of theirs"


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
    late = asked("/", ended)
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
