"""A shop of its own on a Shopify sandbox, with what contract tests need of a store."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from connectors.base import Connector, Heard, Opening, Settings, Throttle
from connectors.shopify.connector import ShopifyConnector
from connectors.types import Credentials

_NAMES = itertools.count(1)


class ShopifyBench:
    """What the contract needs of a store, done to a shop on the sandbox."""

    # Where a contract has to know: the rules of this platform that the others don't have.
    variants_show_the_list, one_file_of_a_name, titles = True, True, False

    def __init__(self, platform: Any, settings: Settings, web: Any = None) -> None:
        self.site, self.settings, self.web = platform.site, settings, web
        self.name = platform.site.open_shop(f"contract-{next(_NAMES)}", plan="enterprise")
        platform.site.install(self.name)
        self.opening = Opening(
            f"https://{self.name}",
            Credentials(token=platform.site.token(self.name)["access_token"]),
            settings,
            api_root=platform.api_root,
        )

    def connect(self, **settings: Any) -> Connector:
        return ShopifyConnector(replace(self.opening, settings=replace(self.settings, **settings)))

    def throttled(self, throttle: Throttle, heard: Heard | None = None) -> Connector:
        return ShopifyConnector(replace(self.opening, throttle=throttle, heard=heard))

    def add_product(self, title: str, photos: tuple[bytes, ...] = ()) -> str:
        files = [(f"photo-{n}.jpg", data) for n, data in enumerate(photos)]
        return str(self.site.catalogue.create(self.name, {"title": title}, files)["id"])

    def add_variant(self, product_id: str, option: str, data: bytes) -> str:
        """The first real one takes the place of the one that nobody sees."""
        given = {"title": "x", "option": "Colour", "variants": [{"title": option}]}
        made = self.site.catalogue.create(self.name, given)
        self.site.catalogue.delete(self.name, made["id"])
        doc = self.site.catalogue.product(self.name, int(product_id))
        picture = self.site.catalogue._media.add(self.name, data, "variant.jpg", at_once=True)
        self.site.catalogue.attach(self.name, doc, [picture])
        variant = {**made["variants"][0], "media": [picture["id"]]}
        self.site.catalogue.save(self.name, {**doc, "options": made["options"], "variants": [variant]})
        return str(variant["id"])

    def add_many(self, count: int) -> None:
        for number in range(count):
            self.add_product(f"Product {number}")

    def date_back(self, product_id: str, modified: str) -> None:
        doc = self.site.catalogue.product(self.name, int(product_id))
        self.site.catalogue._write(self.name, {**doc, "updated": f"{modified}Z"})

    def trash(self, product_id: str) -> None:
        self.site.catalogue.delete(self.name, int(product_id))

    # -- writing ------------------------------------------------------------------------------------------

    def add_variable(self, title: str, options: tuple[str, ...], data: bytes) -> tuple[str, list[str]]:
        """A product with one photo that all its variants show; its id and theirs."""
        variants = [{"title": option, "photo": 0} for option in options]
        given = {"title": title, "option": "Colour", "variants": variants}
        made = self.site.catalogue.create(self.name, given, [("photo.jpg", data)])
        return str(made["id"]), [str(variant["id"]) for variant in made["variants"]]

    def add_file(self, data: bytes, filename: str, **more: Any) -> str:
        """A file that is in no product."""
        return str(self.site.media.add(self.name, data, filename, **{"at_once": True, **more})["id"])

    def add_film(self, product_id: str, place: int) -> int:
        """A film among a product's media."""
        film = self.site.media.add(self.name, b"", f"film-{product_id}.mp4", at_once=True)
        film |= {"kind": "Video", "error": "", "filename": f"film-{film['id']}.mp4"}
        self.site.media.save(self.name, film)
        doc = self.site.catalogue.product(self.name, int(product_id))
        doc["media"].insert(place, film["id"])
        self.site.catalogue.save(self.name, doc)
        return int(film["id"])

    def media(self, product_id: str) -> list[int]:
        """The numbers of all its media, in order."""
        return list(self.site.catalogue.product(self.name, int(product_id))["media"])

    def host(self, data: bytes) -> str:
        """An address elsewhere that hands out these bytes."""
        self.web.pages["/elsewhere.jpg"] = (200, {"Content-Type": "image/jpeg"}, data)
        return f"{self.web.url}/elsewhere.jpg"

    def media_count(self) -> int:
        return len(self.site.media.files(self.name))

    def lose_answer(self, call: str) -> None:
        operation = {"upload": "FileCreate", "set_images": "MetafieldsSet"}.get(call, call)
        self.site.faults.add(f"^POST /{self.name}/.* {operation}$", "close_after")

    def sent(self, operation: str) -> int:
        """How often this operation came."""
        return len(self.site.faults.requests(f"^POST /{self.name}/.* {operation}$"))
