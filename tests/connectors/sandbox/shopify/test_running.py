"""The platform as something that runs: as its own process, after a kill, steered from outside, looked at by people."""

from __future__ import annotations

import base64
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine

from connectors.sandbox.__main__ import main
from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.server import ShopifySandbox, ShopifySandboxProcess

Shop = Any
NORTH = "north.myshopify.com"
APP = """
client_id = "deployed"
name = "Vitrine"
application_url = "https://app.example/shopify/"
[access_scopes]
scopes = "write_products"
[auth]
redirect_urls = ["https://app.example/back/"]
[webhooks]
api_version = "2026-10"
"""


@pytest.fixture
def door(platform: ShopifySandbox) -> Iterator[Callable[..., requests.Response]]:
    """A call of the sandbox's own door."""

    def call(method: str, path: str, json: Any = None, **more: Any) -> requests.Response:
        headers = {"X-Admin-Token": platform.site.admin_token, **more.pop("headers", {})}
        return requests.request(
            method, f"{platform.url}/_admin{path}", json=json, headers=headers, timeout=20, **more
        )

    before, ahead_s = platform.site.access.app, platform.site.clock.ahead_s
    yield call
    platform.site.access.app = before
    platform.site.memory.set_option("app_file", "")
    platform.site.clock.ahead_s = ahead_s


def test_a_killed_platform_comes_back_with_everything_it_had(tmp_path: Path, make_photo: Any) -> None:
    arguments = (
        "--shop",
        "north",
        "--shop",
        "south",
        "--products",
        "20",
        "--installed",
        "--webhook-interval-s",
        "60",
    )
    with ShopifySandboxProcess(tmp_path / "data", *arguments) as platform:
        first = dict(platform.info)
        assert first["shops"] == [NORTH, "south.myshopify.com"]

        def call(method: str, path: str, json: Any = None) -> Any:
            headers = {"X-Admin-Token": first["admin_token"]}
            url = f"{platform.url}/_admin/shops/north{path}"
            return requests.request(method, url, json=json, headers=headers, timeout=20).json()

        photo = {"filename": "cup.jpg", "data": base64.b64encode(make_photo()).decode()}
        made = call("POST", "/products", {"title": "Cup", "photos": [photo]})
        token = call("POST", "/token")["result"]["access_token"]
        platform.kill()
        platform.start()
        same = {"admin_token", "client_id", "client_secret", "shops"}
        assert {name: platform.info[name] for name in same} == {name: first[name] for name in same}
        query = "{products(first: 50, reverse: true){nodes{title media(first: 1){nodes{... on MediaImage{image{url}}}}}}}"
        answer = requests.post(
            f"{platform.api_root.replace('{shop}', NORTH)}api/2026-10/graphql.json",
            json={"query": query},
            headers={"X-Shopify-Access-Token": token},
            timeout=20,
        )
        found = answer.json()["data"]["products"]["nodes"]
        assert (len(found), found[-1]["title"]) == (21, "Cup")
        assert (
            requests.get(found[-1]["media"]["nodes"][0]["image"]["url"], timeout=20).content == make_photo()
        )
        assert call("GET", f"/products/{made['id']}")["title"] == "Cup"
        assert stat.S_IMODE((tmp_path / "data" / "port.json").stat().st_mode) == 0o600
    assert platform.process is not None
    assert platform.process.returncode == 0


@pytest.mark.parametrize(
    ("platform_name", "foreign"),
    [("shopify", ["--permalinks", "plain"]), ("woocommerce", ["--shop", "north"])],
)
def test_each_platform_has_its_own_options(
    capsys: pytest.CaptureFixture[str], platform_name: str, foreign: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--platform", platform_name, "--data", "x", *foreign])
    assert f"unrecognized arguments: {' '.join(foreign)}" in capsys.readouterr().err


def test_a_bulk_operation_that_was_cut_off_is_carried_out_after_a_restart(tmp_path: Path) -> None:
    query = "{products{edges{node{id media{edges{node{id}}} variants{edges{node{id}}}}}}}"
    with ShopifySandbox(tmp_path, shops=("north",), webhook_interval_s=None) as first:
        first.site.fill(NORTH, 6_000)
        first.site.install(NORTH)
        call = first.site.call(NORTH, ("write_products",), "2026-10")
        first.site.bulk.start(call, query, grouped=True)
        ends = time.monotonic() + 30
        while first.site.bulk.listed(NORTH)[0]["rootObjectCount"] == "0" and time.monotonic() < ends:
            time.sleep(0.005)
    with ShopifySandbox(tmp_path, shops=("north",), webhook_interval_s=None) as again:
        (operation,) = again.site.bulk.listed(NORTH)
        assert operation["status"] in {"RUNNING", "CREATED"}
        for thread in again.site.bulk._threads:
            thread.join(timeout=60)
        (operation,) = again.site.bulk.listed(NORTH)
        assert (operation["status"], operation["rootObjectCount"]) == ("COMPLETED", "6000")


# -- the door ---------------------------------------------------------------------------------------------


def test_the_door_opens_to_the_token_only(platform: ShopifySandbox, shop: Shop) -> None:
    for token in ("", "wrong"):
        answer = requests.post(
            f"{platform.url}/_admin/shops/{shop.name}/uninstall", headers={"X-Admin-Token": token}, timeout=20
        )
        assert answer.status_code == 403
    assert platform.site.access.installed(shop.name)


def test_a_merchants_deeds_can_be_ordered_from_outside(
    platform: ShopifySandbox, door: Callable[..., requests.Response]
) -> None:
    shop = door("POST", "/shops", {"name": "ordered", "plan": "plus"}).json()["shop"]
    here = f"/shops/{shop}"
    assert shop == "ordered.myshopify.com"
    assert door("POST", f"{here}/install", {"scopes": ["read_products"]}).status_code == 200
    assert platform.site.access.scopes(shop) == ("read_products",)
    door("POST", f"{here}/scopes", {"scopes": ["write_products", "write_files"]})
    access = door("POST", f"{here}/token").json()["result"]["access_token"]
    assert platform.site.access.opens(access)
    session = door("POST", f"{here}/session-token", {"user_id": "9"}).json()["result"]
    assert platform.site.access.reads_session(shop, session) == "9"
    made = door("POST", f"{here}/products", {"title": "Cup", "variants": [{"sku": "CUP-1"}]}).json()
    assert [one["id"] for one in door("GET", f"{here}/products?query=sku:cup-1").json()] == [made["id"]]
    assert door("GET", f"{here}/products?query=colour:red").status_code == 400
    assert door("PATCH", f"{here}/products/{made['id']}", {"title": "Mug"}).json()["title"] == "Mug"
    door("POST", f"{here}/fill", {"products": 40, "photos": 1})
    assert door("GET", f"{here}/products/{large.FIRST_PRODUCT + 39}").json()["title"] == "Product 39"
    assert door("DELETE", f"{here}/products/{made['id']}").status_code == 200
    assert door("GET", f"{here}/products/{made['id']}").status_code == 404
    door("POST", f"{here}/drain", {"left": 3})
    assert platform.site.bucket(shop).left < 100_000
    points = door("POST", f"{here}/points").json()["result"]
    assert (points["most"], points["per_s"], points["spent"], points["refused"]) == (20_000, 1000, 0, 0)
    door("POST", f"{here}/revoke")
    assert platform.site.access.opens(access) is None
    door("POST", f"{here}/uninstall")
    assert platform.site.access.installed(shop) is None
    assert door("POST", f"{here}/dance").status_code == 404
    assert door("POST", "/shops/nobody/install").status_code == 404
    assert door("POST", f"{here}/state", {"state": "sold"}).status_code == 400
    photo = {"filename": "x.jpg", "data": "no base64!"}
    assert door("POST", f"{here}/products", {"photos": [photo]}).status_code == 400


def test_its_clock_may_go_faster_than_ours() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as ours:
        clock = Clock(speed=10)
        ours.shift(6)
        clock.advance(5)
        assert clock.now() == 1_800_000_000 + 60 + 5


def test_time_faults_and_webhooks_can_be_steered_from_outside(
    platform: ShopifySandbox, door: Callable[..., requests.Response], shop: Shop, web: Any
) -> None:
    before = platform.site.clock.now()
    door("POST", "/clock", {"seconds": 3600})
    assert platform.site.clock.now() >= before + 3600
    assert door("POST", "/faults", {"match": "x", "kind": "throttled"}).status_code == 201
    assert door("POST", "/faults", {"match": "x", "kind": "earthquake"}).status_code == 400
    door("DELETE", "/faults")
    web.pages["/hook"] = (200, {}, b"")
    platform.site.access.app = platform.site.access.app.hearing(f"{web.url}/hook")
    door("POST", f"/shops/{shop.name}/customer", {"what": "redact"})
    door("POST", f"/shops/{shop.name}/redact")
    assert door("POST", "/deliver").json()["delivered"] >= 2
    assert [seen.headers["X-Shopify-Topic"] for seen in web.hooks()[-2:]] == [
        "customers/redact",
        "shop/redact",
    ]
    sent = door("GET", "/deliveries").json()["sent"][-1]
    assert door("POST", "/repeat", {"webhook_id": sent["webhook_id"]}).json() == {"status": 200}
    assert base64.b64decode(sent["body"]) == web.hooks()[-1].body
    assert door("POST", "/repeat", {"webhook_id": "none"}).status_code == 404
    old = platform.client_secret
    assert door("POST", "/secret").json()["secret"] == platform.client_secret != old
    door("POST", "/bulk/fail", {"code": "TIMEOUT"})
    assert platform.site.bulk._failing.pop() == ("TIMEOUT", 0)


def test_an_app_can_be_deployed_from_outside_and_stays_so(
    platform: ShopifySandbox, door: Callable[..., requests.Response]
) -> None:
    told = door("PUT", "/app", data=APP).json()
    assert told == {"client_id": "deployed", "scopes": ["write_products"], "topics": []}
    assert platform.client_id == "deployed"
    assert door("PUT", "/app", data="client_id = 1 2").status_code == 400
    assert platform.site.memory.option("app_file") == APP


# -- pages --------------------------------------------------------------------------------------------------


def test_people_can_look_at_shops_and_products(shop: Shop, platform: ShopifySandbox, make_photo: Any) -> None:
    shop.add("Oak tray", photos=1, photo=make_photo())
    shop.add("Hidden", status="DRAFT", photos=0)
    assert f"/{shop.name}/" in requests.get(platform.url, timeout=20).text
    front = requests.get(f"{platform.url}/{shop.name}/", timeout=20).text
    assert f'Shopify.shop = "{shop.name}"' in front
    assert "Oak tray" in front
    assert "Hidden" not in front
    page = requests.get(f"{platform.url}/{shop.name}/products/oak-tray", timeout=20).text
    assert f"/s/files/1/{shop.name}/files/oak_tray-0.jpg" in page
    assert requests.get(f"{platform.url}/{shop.name}/products/hidden", timeout=20).status_code == 404
    assert requests.get(f"{platform.url}/nobody.myshopify.com/", timeout=20).status_code == 404
    by_host = requests.get(platform.url, headers={"Host": shop.name}, timeout=20).text
    assert "Oak tray" in by_host


def test_a_long_front_page_has_older_pages(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 30, photos=1)
    first = requests.get(f"{platform.url}/{shop.name}/", timeout=20).text
    further = first.partition('href="?after=')[2].partition('"')[0]
    second = requests.get(f"{platform.url}/{shop.name}/?after={further}", timeout=20).text
    assert "Product 29<" in first
    assert "Product 29<" not in second
    assert "Product 0<" in second
    assert requests.get(f"{platform.url}/{shop.name}/products/product-7", timeout=20).status_code == 200


def test_the_stand_in_for_app_bridge_is_served(platform: ShopifySandbox) -> None:
    answer = requests.get(f"{platform.url}/_static/app-bridge.js", timeout=20)
    assert "X-Shopify-Retry-Invalid-Session-Request" in answer.text
