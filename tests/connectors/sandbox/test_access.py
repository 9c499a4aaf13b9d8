"""Who gets in: consumer keys and application passwords over http and https, exactly as the real store lets them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import trustme
from woocommerce.oauth import OAuth

from connectors import registry
from connectors.base import Opening, Settings
from connectors.errors import AuthExpired, Unavailable
from connectors.sandbox.server import Sandbox
from connectors.sandbox.tls import throw_away_certificate
from connectors.types import Credentials, ImageWrite

PRODUCTS, MEDIA = "/wp-json/wc/v3/products", "/wp-json/wp/v2/media"
VIEW = "woocommerce_rest_cannot_view"
WRONG = "woocommerce_rest_authentication_error"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], str]:
    """(certificate, key) and the file of the CA that signed them."""
    folder = tmp_path_factory.mktemp("ca")
    return throw_away_certificate(folder), str(folder / "ca.pem")


@pytest.fixture
def secure(tmp_path: Path, tls: Any) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "secure", tls=tls[0], webhook_interval_s=None) as shop:
        yield shop


@pytest.fixture
def secure_raw(secure: Sandbox, tls: Any, call_to: Any) -> Any:
    return call_to(secure, verify=tls[1])


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "") if isinstance(answer.json(), dict) else ""


# -- https ------------------------------------------------------------------------------------------------


def test_over_https_keys_open_the_shop_and_not_the_library(secure_raw: Any) -> None:
    assert secure_raw("GET", PRODUCTS, auth="key").status_code == 200
    assert code(secure_raw("GET", MEDIA, auth="key")) == (401, "invalid_username")


def test_over_https_an_app_password_opens_both(secure: Sandbox, secure_raw: Any) -> None:
    assert secure_raw("GET", PRODUCTS).status_code == 200
    assert "POST" in secure_raw("GET", MEDIA).headers["Allow"]
    c = secure.credentials
    grouped = " ".join(c.app_password[i : i + 4] for i in range(0, len(c.app_password), 4))
    assert secure_raw("GET", f"{MEDIA}", auth=(c.user, grouped)).headers["Allow"] == "GET, POST"


def test_over_https_keys_may_stand_in_the_address(secure: Sandbox, secure_raw: Any) -> None:
    c = secure.credentials
    query = urlencode({"consumer_key": c.key, "consumer_secret": c.secret})
    assert secure_raw("GET", f"{PRODUCTS}?{query}", auth="none").status_code == 200


def test_each_way_to_be_wrong_has_its_code(secure: Sandbox, secure_raw: Any) -> None:
    c = secure.credentials
    assert code(secure_raw("GET", PRODUCTS, auth=(c.key, "cs_bad"))) == (401, WRONG)
    assert code(secure_raw("GET", PRODUCTS, auth=("ck_unknown", "cs_bad"))) == (401, VIEW)
    assert code(secure_raw("GET", PRODUCTS, auth="none")) == (401, VIEW)
    assert code(secure_raw("POST", PRODUCTS, {}, auth="none")) == (401, "woocommerce_rest_cannot_create")
    assert code(secure_raw("GET", MEDIA, auth=(c.user, "wrong"))) == (401, "incorrect_password")


def test_a_key_does_what_its_scope_allows(secure: Sandbox, secure_raw: Any) -> None:
    reader, writer = secure.site.add_key("read"), secure.site.add_key("write")
    assert secure_raw("GET", PRODUCTS, auth=reader).status_code == 200
    assert code(secure_raw("POST", PRODUCTS, {"name": "x"}, auth=reader)) == (401, WRONG)
    assert code(secure_raw("GET", PRODUCTS, auth=writer)) == (401, WRONG)
    assert secure_raw("POST", PRODUCTS, {"name": "x"}, auth=writer).status_code == 201


def test_a_key_acts_as_its_user(secure: Sandbox, secure_raw: Any) -> None:
    secure.site.add_user("sam", "shop_manager")
    key = secure.site.add_key(login="sam")
    assert secure_raw("GET", PRODUCTS, auth=key).status_code == 200
    secure.site.add_user("sam", "customer")
    assert code(secure_raw("GET", PRODUCTS, auth=key)) == (403, VIEW)


def test_a_site_that_does_not_notice_its_tls_refuses_good_keys(
    tmp_path: Path, tls: Any, call_to: Any
) -> None:
    with Sandbox(tmp_path / "proxied", tls=tls[0], notices_tls=False, webhook_interval_s=None) as shop:
        raw = call_to(shop, verify=tls[1])
        assert code(raw("GET", PRODUCTS, auth="key")) == (401, VIEW)
        assert code(raw("GET", PRODUCTS)) == (401, VIEW)
        settings = Settings(allow_private_hosts=frozenset({shop.netloc}), ca_file=tls[1])
        with pytest.raises(AuthExpired, match="may not know that it is on https"):
            registry.get("woocommerce")(Opening(shop.url, shop.credentials, settings)).products()


def test_the_connector_does_its_whole_work_over_strict_https(
    secure: Sandbox, tls: Any, make_photo: Any
) -> None:
    settings = Settings(allow_private_hosts=frozenset({secure.netloc}), ca_file=tls[1])
    connector = registry.get("woocommerce")(Opening(secure.url, secure.credentials, settings))
    info = connector.check()
    assert (info.can_read, info.can_write, info.can_upload, info.can_webhook) == (True, True, True, True)
    assert info.notes == ()
    secure.site.state.add_post("product", {"name": "Cup"}, status="publish", slug="cup")
    (product,) = connector.products().products
    image = connector.upload(data=make_photo(), filename="v.jpg", content_type="image/jpeg", alt="Cup")
    connector.set_images(product.id, [ImageWrite(id=image.id)])
    assert connector.fetch(connector.product(product.id).images[0].src) == make_photo()
    hooks = connector.subscribe(delivery_url="https://app.example/hooks/", secret="s" * 20)
    assert len(hooks) == connector.unsubscribe(delivery_url="https://app.example/hooks/") == 4


def test_an_unknown_ca_is_not_trusted_nor_is_ours_for_hosts_nobody_named(
    secure: Sandbox, tls: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for ca_file in ("", str(other)):
        settings = Settings(allow_private_hosts=frozenset({secure.netloc}), ca_file=ca_file, read_timeout_s=5)
        with pytest.raises(Unavailable, match="no secure connection"):
            registry.get("woocommerce")(Opening(secure.url, secure.credentials, settings)).products()


def test_the_certificate_has_to_bear_the_stores_name(tmp_path: Path) -> None:
    """The dialled address is ours to choose, the name on the certificate is not."""
    authority = trustme.CA()
    issued = authority.issue_cert("another.example")
    certificate, key, ca = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "ca.pem"
    issued.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(ca))
    with Sandbox(tmp_path / "s", tls=(str(certificate), str(key)), webhook_interval_s=None) as shop:
        settings = Settings(allow_private_hosts=frozenset({shop.netloc}), ca_file=str(ca), read_timeout_s=5)
        with pytest.raises(Unavailable, match="no secure connection"):
            registry.get("woocommerce")(Opening(shop.url, shop.credentials, settings)).products()


# -- http -------------------------------------------------------------------------------------------------


def test_over_http_keys_by_basic_or_address_are_refused(shop: Sandbox, raw: Any) -> None:
    c = shop.credentials
    assert code(raw("GET", PRODUCTS, auth="key")) == (401, VIEW)
    query = urlencode({"consumer_key": c.key, "consumer_secret": c.secret})
    assert code(raw("GET", f"{PRODUCTS}?{query}", auth="none")) == (401, VIEW)


def test_over_http_app_passwords_work_in_a_local_environment_only(
    tmp_path: Path, raw: Any, call_to: Any
) -> None:
    assert raw("GET", PRODUCTS).status_code == 200
    with Sandbox(tmp_path / "strict", webhook_interval_s=None) as strict:
        outside = call_to(strict)
        assert code(outside("GET", PRODUCTS)) == (401, VIEW)
        assert outside("GET", MEDIA).headers["Allow"] == "GET"
        assert outside("POST", MEDIA, data=b"x").status_code == 401
        keys = Credentials(key=strict.credentials.key, secret=strict.credentials.secret)
        settings = Settings(allow_private_hosts=frozenset({strict.netloc}))
        assert registry.get("woocommerce")(Opening(strict.url, keys, settings)).check().can_write


def signed(shop: Sandbox, method: str, query: str = "", **changes: str) -> str:
    """The path of a request signed as OAuth 1.0a, with these parameters changed afterwards."""
    c = shop.credentials
    url = OAuth(
        f"{shop.url}{PRODUCTS}{query}", c.key, c.secret, version="wc/v3", method=method
    ).get_oauth_url()
    params = dict(parse_qsl(url.partition("?")[2])) | changes
    return f"{PRODUCTS}?{urlencode(params)}"


def test_over_http_oauth_opens_the_shop_also_with_parameters(shop: Sandbox, raw: Any) -> None:
    shop.site.state.add_post("product", {"name": "Cup"}, status="publish", slug="cup")
    query = "?_fields=id,name&modified_after=2020-01-01T00:00:00&dates_are_gmt=true"
    answer = raw("GET", signed(shop, "GET", query), auth="none")
    assert [row["name"] for row in answer.json()] == ["Cup"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"per_page": "7"}, "signature"),
        ({"oauth_signature": "AAAA"}, "signature"),
        ({"oauth_consumer_key": "ck_other"}, "key"),
        ({"oauth_signature_method": "PLAINTEXT"}, "signature"),
        ({"oauth_timestamp": "1"}, "signature"),
        ({"oauth_nonce": ""}, "Missing"),
    ],
)
def test_an_oauth_request_that_was_tampered_with_is_refused(
    shop: Sandbox, raw: Any, changes: dict[str, str], wrong: str
) -> None:
    answer = raw("GET", signed(shop, "GET", **changes), auth="none")
    assert answer.status_code == 401
    assert wrong in answer.json()["message"]


def test_an_oauth_request_signed_for_another_method_is_refused(shop: Sandbox, raw: Any) -> None:
    assert code(raw("POST", signed(shop, "GET"), {"name": "x"}, auth="none")) == (401, WRONG)


def test_an_oauth_request_works_once(shop: Sandbox, raw: Any) -> None:
    path = signed(shop, "GET")
    assert raw("GET", path, auth="none").status_code == 200
    replay = raw("GET", path, auth="none")
    assert code(replay) == (401, WRONG)
    assert "nonce" in replay.json()["message"]


def test_an_oauth_request_of_an_hour_ago_is_refused(shop: Sandbox, raw: Any) -> None:
    c = shop.credentials
    old = OAuth(
        f"{shop.url}{PRODUCTS}",
        c.key,
        c.secret,
        version="wc/v3",
        method="GET",
        oauth_timestamp=int(time.time()) - 3600,
    )
    answer = raw("GET", f"{PRODUCTS}?{old.get_oauth_url().partition('?')[2]}", auth="none")
    assert answer.status_code == 401
    assert "timestamp" in answer.json()["message"]


# -- application passwords --------------------------------------------------------------------------------


def test_an_app_password_tells_about_itself_and_can_be_handed_back(shop: Sandbox, raw: Any) -> None:
    base = "/wp-json/wp/v2/users/me/application-passwords"
    about = raw("GET", f"{base}/introspect").json()
    assert about["name"] == "Vitrine"
    assert raw("DELETE", f"{base}/{about['uuid']}").json()["deleted"] is True
    assert raw("GET", f"{base}/introspect").status_code == 401


def test_the_current_user_lists_what_it_may_do(shop: Sandbox, raw: Any) -> None:
    me = raw("GET", "/wp-json/wp/v2/users/me?context=edit").json()
    assert me["capabilities"]["upload_files"] is True
    assert code(raw("GET", "/wp-json/wp/v2/users/me", auth="none")) == (401, "rest_not_logged_in")
