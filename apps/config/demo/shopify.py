"""The other merchant's side of the demo: a Shopify on this machine, a shop there, and our app installed in it."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.urls import reverse

from apps.config.demo.pictures import Picture
from apps.config.demo.shop import PRICES, TIMEOUT_S, shown_on, sku_of
from apps.config.supervisor import Program
from apps.stores import shopify

NAME = "northlight"
SHOP = f"{NAME}.myshopify.com"
_IMAGE = re.compile(r'<img\b[^>]*?\bsrc="([^"]+)"')


class NotInstalled(Exception):
    """The app did not get into the shop; the message says where it ended."""


@dataclass(frozen=True)
class Keys:
    """How to get into the platform's own door."""

    url: str
    admin_token: str


def platform(port: int) -> Program:
    """The sandbox as a program of the group; the app is deployed there as it is today."""
    folder = settings.DATA_ROOT / "shopify"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = folder / "shopify.app.toml"
    text = shopify.app_file(
        home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
    )
    app.write_text(text, encoding="utf-8")
    return Program(
        "shopify",
        [
            *(sys.executable, "-m", "connectors.sandbox", "--platform", "shopify", "--data", str(folder)),
            *("--port", str(port), "--port-file", str(keys_file()), "--shop", NAME, "--app-file", str(app)),
        ],
        env={**os.environ, "SANDBOX_CLIENT_SECRET": settings.SHOPIFY_API_SECRET},
        cwd=settings.BASE_DIR,
        ready=lambda: keys_file().exists() and requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok,
    )


def keys_file() -> Path:
    return settings.DATA_ROOT / "shopify" / "keys.json"


def keys() -> Keys:
    raw = json.loads(keys_file().read_text(encoding="utf-8"))
    return Keys(url=raw["url"], admin_token=raw["admin_token"])


class Merchant:
    """The owner of the shop: puts products up in its administration, and installs apps."""

    def __init__(self, keys: Keys) -> None:
        self._door, self._front = f"{keys.url}/_admin/shops/{NAME}", f"{keys.url}/{SHOP}"
        self._headers = {"X-Admin-Token": keys.admin_token}

    def fill(self, pictures: Iterable[Picture], made: Callable[[int], None]) -> list[int]:
        """One product per picture, known by its SKU; those that are there are kept. Returns their ids."""
        there = []
        for done, picture in enumerate(pictures, start=1):
            found = self._door_says("GET", "/products", params={"query": f"sku:{sku_of(picture)}"})
            there.append(int(found[0]["id"] if found else self._create(picture, done)["id"]))
            made(done)
        return there

    def page_shows(self, product_id: int, src: str) -> bool:
        """Whether the page that shoppers see shows this image."""
        return shown_on(self._page(product_id), src)

    def first_photo(self, product_id: int) -> str:
        """The address of the first picture on that page, "" for none."""
        page = requests.get(self._page(product_id), timeout=TIMEOUT_S)
        found = _IMAGE.search(page.text) if page.ok else None
        return unescape(found[1]) if found else ""

    def _page(self, product_id: int) -> str:
        handle = self._door_says("GET", f"/products/{product_id}")["handle"]
        return f"{self._front}/products/{handle}"

    def _create(self, picture: Picture, number: int) -> Any:
        photo = {"filename": picture.filename, "data": base64.b64encode(picture.data).decode()}
        price = PRICES[number % len(PRICES)]
        return self._door_says(
            "POST",
            "/products",
            json={
                "title": picture.title,
                "html": f"<p>{picture.title}, as photographed by the merchant.</p>",
                "variants": [{"price": price, "sku": sku_of(picture)}],
                "photos": [photo],
            },
        )

    def _door_says(self, method: str, path: str, **what: Any) -> Any:
        answer = requests.request(
            method, f"{self._door}{path}", headers=self._headers, timeout=TIMEOUT_S, **what
        )
        answer.raise_for_status()
        return answer.json()

    def install(self, *, user: str, password: str) -> None:
        """In a browser: log in to Vitrine, name the shop, press Install on the shop's page, come back. Raises
        NotInstalled, or what `requests` raises."""
        here = settings.PUBLIC_URL
        with requests.Session() as browser:
            page = _send(browser, f"{here}{reverse('login')}", username=user, password=password)
            if page.url.startswith(f"{here}{reverse('login')}"):
                raise NotInstalled(f"{user} could not log in to Vitrine with the demo's password")
            page = _send(browser, f"{here}{reverse('shopify-install')}", shop=SHOP)
            if not page.url.startswith(f"{here}/"):  # a shop that approved before asks nothing
                page = browser.post(page.url, data={"install": "1"}, timeout=TIMEOUT_S)
            back = page.url.startswith(f"{here}{reverse('dashboard:stores')}")
        if not (page.ok and back):
            raise NotInstalled(
                f"the way ended at {page.url.partition('?')[0]} with status {page.status_code}"
            )


def _send(browser: requests.Session, url: str, **fields: str) -> requests.Response:
    """Fill in a form of ours and send it; where that leads to."""
    if "csrftoken" not in browser.cookies:
        browser.get(url, timeout=TIMEOUT_S)
    token = browser.cookies.get("csrftoken", "")
    return browser.post(url, data={"csrfmiddlewaretoken": token, **fields}, timeout=TIMEOUT_S)
