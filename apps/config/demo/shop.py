"""The merchant's side of the demo: a storefront on this machine, and products put into it as a merchant would."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import requests
from django.conf import settings
from woocommerce import API

from apps.config.demo.pictures import Picture
from apps.config.supervisor import Program

TIMEOUT_S = 30
PRICES = ("18.00", "24.50", "39.00", "12.90", "64.00", "29.95")


@dataclass(frozen=True)
class Keys:
    """How to get into the storefront."""

    url: str
    consumer_key: str
    consumer_secret: str
    user: str
    app_password: str


def storefront(port: int) -> Program:
    """The sandbox as a program of the group. It plays WordPress's `local` environment: http, and hooks to loopback."""
    folder = settings.DATA_ROOT / "storefront"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Program(
        "storefront",
        [
            *(sys.executable, "-m", "connectors.sandbox", "--data", str(folder), "--port", str(port)),
            *("--port-file", str(folder / "keys.json"), "--seed-empty", "--environment", "local"),
            *("--deliver-to-loopback", "--accept-http-callbacks", "--webhook-interval-s", "0.3"),
        ],
        cwd=settings.BASE_DIR,
        ready=lambda: keys_file().exists() and requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok,
    )


def keys_file() -> Path:
    return settings.DATA_ROOT / "storefront" / "keys.json"


def keys() -> Keys:
    raw = json.loads(keys_file().read_text(encoding="utf-8"))
    return Keys(**{name: raw[name] for name in Keys.__annotations__})


class Shop:
    """A merchant at work in their shop's admin."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._api = API(
            url=keys.url,
            consumer_key=keys.consumer_key,
            consumer_secret=keys.consumer_secret,
            version="wc/v3",
            timeout=TIMEOUT_S,
        )

    def fill(self, pictures: Iterable[Picture], made: Callable[[int], None]) -> dict[str, int]:
        """One product per picture, known by its SKU; those that are there are kept. Returns SKU → product id."""
        there: dict[str, int] = {}
        for done, picture in enumerate(pictures, start=1):
            sku = sku_of(picture)
            found = self._get("products", sku=sku)
            there[sku] = found[0]["id"] if found else self._create(picture, sku, done)
            made(done)
        return there

    def _create(self, picture: Picture, sku: str, number: int) -> int:
        media = self._upload(picture)
        answer = self._api.post(
            "products",
            {
                "name": picture.title,
                "sku": sku,
                "type": "simple",
                "status": "publish",
                "regular_price": PRICES[number % len(PRICES)],
                "description": f"{picture.title}, as photographed by the merchant.",
                "images": [{"id": media, "alt": picture.title}],
            },
        )
        answer.raise_for_status()
        return int(answer.json()["id"])

    def _upload(self, picture: Picture) -> int:
        kinds = {"png": "image/png", "webp": "image/webp"}
        suffix = picture.filename.rsplit(".", 1)[-1].lower()
        answer = requests.post(
            f"{self._keys.url}/wp-json/wp/v2/media",
            data=picture.data,
            headers={
                "Content-Type": kinds.get(suffix, "image/jpeg"),
                "Content-Disposition": f'attachment; filename="{_plain(picture.filename)}"',
            },
            auth=(self._keys.user, self._keys.app_password),
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
        return int(answer.json()["id"])

    def _get(self, endpoint: str, **params: str) -> list[dict]:
        answer = self._api.get(endpoint, params=params)
        answer.raise_for_status()
        return answer.json()

    def product(self, product_id: int) -> dict:
        answer = self._api.get(f"products/{product_id}")
        answer.raise_for_status()
        return answer.json()

    def page_shows(self, product_id: int, src: str) -> bool:
        """Whether the page that shoppers see shows this image."""
        return shown_on(self.product(product_id)["permalink"], src)

    def first_photo(self, product_id: int) -> str:
        """The address of the first picture in the product's list, "" for none."""
        images = self.product(product_id)["images"]
        return str(images[0]["src"]) if images else ""


def shown_on(address: str, src: str) -> bool:
    """Whether the page there shows this image, in whatever size."""
    page = requests.get(address, timeout=TIMEOUT_S)
    return page.ok and src.rsplit("/", 1)[-1] in page.text


def sha256_of(src: str, *, patience_s: float = 5.0) -> str:
    """SHA-256 of the bytes a shopper loads."""
    until = time.monotonic() + patience_s
    while True:
        answer = requests.get(src, timeout=TIMEOUT_S)
        if answer.ok:
            return hashlib.sha256(answer.content).hexdigest()
        if time.monotonic() > until:
            answer.raise_for_status()
        time.sleep(0.2)


def sku_of(picture: Picture) -> str:
    return f"demo-{hashlib.sha256(picture.data).hexdigest()[:10]}"


def _plain(filename: str) -> str:
    """A file name that fits into a header."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in filename)
    return kept.strip("-.") or "photo.jpg"
