"""Session tokens: every way in which one can be wrong, and that a good one is good until it ends."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.errors import Rejected
from connectors.shopify import session

CLIENT_ID = "0123456789abcdef0123456789abcdef"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
OLD_SECRET = "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"
NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
AT = int(NOW.timestamp())


def claims(**changed: Any) -> dict[str, Any]:
    """What App Bridge's tokens say; a claim that is changed to `...` is left out."""
    told = {
        "iss": "https://good-shop.myshopify.com/admin",
        "dest": "https://good-shop.myshopify.com",
        "aud": CLIENT_ID,
        "sub": "42",
        "exp": AT + 60,
        "nbf": AT,
        "iat": AT,
        "jti": "00000000-0000-4000-8000-000000000001",
        "sid": "aaea182f2732d44c23057c0fea584021a4485b2bd25d3eb7fd349313ad24c685",
        "sig": "f07cf3740270c17fb61c700b2f0f2e7f2f1ff8f9d0b9c5e6a1b2c3d4e5f60718",
        **changed,
    }
    return {name: value for name, value in told.items() if value is not ...}


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(told: Any, secret: str = SECRET, **header: Any) -> str:
    """Written out here on its own, so that nothing keeps a token from being as wrong as a test wants it."""
    message = f"{part({'alg': 'HS256', 'typ': 'JWT', **header})}.{part(told)}"
    return f"{message}.{part(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest())}"


def token(**changed: Any) -> str:
    return signed(claims(**changed))


def verify(text: Any, now: dt.datetime = NOW, **more: Any) -> session.Session:
    return session.verify(text, **{"client_id": CLIENT_ID, "secrets": [SECRET], "now": now, **more})


def by_public_key(alg: str = "HS256") -> str:
    """The confusion of algorithms: signed as HMAC with something everybody knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    return signed(claims(), pem, alg=alg)


def by_rsa() -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(), private, algorithm="RS256")


def with_other_payload(**changed: Any) -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(**changed))}.{signature}"


def with_alg(alg: str, digest: str) -> str:
    message = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims())}"
    return f"{message}.{part(hmac.new(SECRET.encode(), message.encode(), digest).digest())}"


WRONG: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "no text": lambda: None,
    "bytes": lambda: token().encode(),
    "no token": lambda: "not.a.token",
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: f"{token()}.x",
    "a token over the cap": lambda: token(more="x" * 9000),
    "a payload that is no object": lambda: signed([claims()]),
    "a payload that is no JSON": lambda: signed(b"{"),
    "deep nonsense": lambda: signed(b"[" * 5000),
    "signed with another secret": lambda: signed(claims(), "shpss_00000000000000000000000000000000"),
    "signed with the old secret after the change": lambda: signed(claims(), OLD_SECRET),
    "signed with an empty secret": lambda: signed(claims(), ""),
    "signed with the client id": lambda: signed(claims(), CLIENT_ID),
    "another user put into a signed one": lambda: with_other_payload(sub="1"),
    "another shop put into a signed one": lambda: with_other_payload(
        iss="https://evil.myshopify.com/admin", dest="https://evil.myshopify.com"
    ),
    "the signature left out": lambda: token().rpartition(".")[0] + ".",
    "the signature cut": lambda: token()[:-4],
    "alg none": lambda: f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}.",
    "alg None in another case": lambda: f"{part({'alg': 'nOnE', 'typ': 'JWT'})}.{part(claims())}.",
    "alg none with a signature": lambda: signed(claims(), alg="none"),
    "no alg": lambda: signed(claims(), alg=None),
    "RS256": by_rsa,
    "RS256 said, HMAC done with a public key": lambda: by_public_key("RS256"),
    "HMAC with a public key": by_public_key,
    "HS384 with the right secret": lambda: with_alg("HS384", "sha384"),
    "HS512 with the right secret": lambda: with_alg("HS512", "sha512"),
    "a header that demands what nobody knows": lambda: signed(claims(), crit=["exp"]),
    "a payload that stands elsewhere": lambda: signed(claims(), b64=False, crit=["b64"]),
    "no exp": lambda: token(exp=...),
    "exp null": lambda: token(exp=None),
    "exp in words": lambda: token(exp=str(AT + 60)),
    "exp true": lambda: token(exp=True),
    "exp endless": lambda: token(exp=float("inf")),
    "exp beyond all calendars": lambda: token(exp=10**30),
    "exp not a number": lambda: token(exp=float("nan")),
    "expired a minute ago": lambda: token(exp=AT - 60),
    "expired as long ago as clocks may differ": lambda: token(exp=AT - session.LEEWAY_S),
    "no nbf": lambda: token(nbf=...),
    "nbf in words": lambda: token(nbf="now"),
    "nbf in a minute": lambda: token(nbf=AT + 60),
    "nbf later than clocks may differ": lambda: token(nbf=AT + session.LEEWAY_S + 1),
    "no aud": lambda: token(aud=...),
    "aud of another app": lambda: token(aud="another-app"),
    "aud a list": lambda: token(aud=[CLIENT_ID, "another-app"]),
    "aud empty": lambda: token(aud=""),
    "aud almost": lambda: token(aud=CLIENT_ID + " "),
    "no iss": lambda: token(iss=...),
    "no dest": lambda: token(dest=...),
    "iss of another shop": lambda: token(iss="https://evil.myshopify.com/admin"),
    "dest of another shop": lambda: token(dest="https://evil.myshopify.com"),
    "both of no shop": lambda: token(iss="https://evil.example/admin", dest="https://evil.example"),
    "a shop's name in front of another": lambda: token(
        iss="https://good-shop.myshopify.com.evil.example/admin",
        dest="https://good-shop.myshopify.com.evil.example",
    ),
    "a shop's name as a user's": lambda: token(
        iss="https://good-shop.myshopify.com@evil.example/",
        dest="https://good-shop.myshopify.com@evil.example",
    ),
    "a name with a user in front": lambda: token(
        iss="https://x@good-shop.myshopify.com/admin", dest="https://x@good-shop.myshopify.com"
    ),
    "a port": lambda: token(
        iss="https://good-shop.myshopify.com:444/admin", dest="https://good-shop.myshopify.com:444"
    ),
    "a name below a shop": lambda: token(
        iss="https://a.good-shop.myshopify.com/admin", dest="https://a.good-shop.myshopify.com"
    ),
    "the platform itself": lambda: token(iss="https://myshopify.com/admin", dest="https://myshopify.com"),
    "plain http": lambda: token(
        iss="http://good-shop.myshopify.com/admin", dest="http://good-shop.myshopify.com"
    ),
    "a line break in the shop": lambda: token(
        iss="https://good-shop.myshopify.com\n", dest="https://good-shop.myshopify.com\n"
    ),
    "shops that are no text": lambda: token(iss=7, dest=7),
    "an address that is none": lambda: token(iss="https://[", dest="https://["),
    "no sub": lambda: token(sub=...),
    "sub empty": lambda: token(sub=""),
    "sub no text": lambda: token(sub=42),
    "sub no number": lambda: token(sub="42; drop"),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_token_is_refused_in_words_that_do_not_repeat_it(way: str) -> None:
    text = WRONG[way]()
    with pytest.raises(Rejected) as caught:
        verify(text)
    assert caught.value.code in {session.BAD, session.EXPIRED}
    if text:
        assert str(text)[:20] not in str(caught.value.message)
    assert caught.value.__cause__ is None


def test_there_are_more_than_twenty_five_ways_and_the_right_one_is_none_of_them() -> None:
    assert len(WRONG) > 25
    assert verify(token()) == session.Session(
        shop="good-shop.myshopify.com",
        user_id="42",
        session_id=claims()["sid"],
        jti=claims()["jti"],
        expires_at=NOW + dt.timedelta(seconds=60),
    )


def test_a_token_may_be_used_until_it_expires() -> None:
    text = token()
    for second in (0, 30, 59, 60 + session.LEEWAY_S - 1):
        assert verify(text, NOW + dt.timedelta(seconds=second)).user_id == "42"
    with pytest.raises(Rejected) as caught:
        verify(text, NOW + dt.timedelta(seconds=60 + session.LEEWAY_S))
    assert caught.value.code == session.EXPIRED


def test_clocks_may_differ_by_seconds() -> None:
    assert verify(token(nbf=AT + session.LEEWAY_S)).shop == "good-shop.myshopify.com"
    assert verify(token(exp=AT - session.LEEWAY_S + 1)).shop == "good-shop.myshopify.com"


def test_while_the_secret_is_rotated_both_are_good() -> None:
    both = [SECRET, OLD_SECRET]
    assert verify(signed(claims(), OLD_SECRET), secrets=both).user_id == "42"
    assert verify(token(), secrets=both).user_id == "42"


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_without_a_secret_nothing_is_good(secrets: list[str]) -> None:
    for text in (token(), signed(claims(), "")):
        with pytest.raises(Rejected):
            verify(text, secrets=secrets)


def test_without_a_client_id_nothing_is_good() -> None:
    with pytest.raises(Rejected):
        verify(token(aud=""), client_id="")


def test_the_clock_is_the_machines_own_where_none_is_given() -> None:
    now = dt.datetime.now(dt.UTC)
    text = token(exp=int(now.timestamp()) + 60, nbf=int(now.timestamp()))
    assert session.verify(text, client_id=CLIENT_ID, secrets=[SECRET]).user_id == "42"
    with pytest.raises(Rejected):
        session.verify(token(exp=1), client_id=CLIENT_ID, secrets=[SECRET])


def test_a_shop_is_one_in_any_case() -> None:
    told = {"iss": "https://Good-Shop.myshopify.com/admin", "dest": "https://good-shop.MyShopify.com"}
    assert verify(token(**told)).shop == "good-shop.myshopify.com"
