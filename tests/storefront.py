"""A WooCommerce shop for tests: the sandbox with a merchant's hand on it, its webhooks going to our own intake."""

from __future__ import annotations

from typing import Any

from django.test import Client

from apps.catalog import services as catalog
from apps.catalog.models import Sync
from apps.flow import flow
from apps.stores.models import Store
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.server import Sandbox
from tests.shopkeeping import Shop, photo


class Storefront:
    """The sandbox's merchant: what they do there, and what becomes of the webhooks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.site, self.catalogue = sandbox.site, Catalogue(sandbox.site)
        self.site.remote.post = self._post  # type: ignore[method-assign]

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        kind = headers.pop("Content-Type")
        if body.startswith(b"webhook_id="):
            return 200  # a ping, from another thread
        return Client().post("/" + url.split("/", 3)[3], body, content_type=kind, headers=headers).status_code

    def image(self, color: str = "#2b4a7f") -> dict[str, int]:
        return {"id": self.site.media_library.add(photo(color), "photo.jpg", accepts=BY_UPLOAD).id}

    def sell(self, name: str, *colors: str, **more: Any) -> int:
        return self.catalogue.create({"name": name, "images": [self.image(c) for c in colors], **more}).id

    def change(self, product: int, **body: Any) -> None:
        self.catalogue.update(product, body)

    def vary(self, product: int, option: str, *colors: str, **more: Any) -> int:
        """A variation of a variable product, with a picture of its own where a colour is given."""
        body: dict[str, Any] = {"attributes": [{"name": "Colour", "option": option}], **more}
        if colors:
            body["image"] = self.image(colors[0])
        return self.catalogue.create_variation(product, body).id

    def tag(self, name: str) -> dict[str, int]:
        return self.term("product_tag", name)

    def term(self, taxonomy: str, name: str) -> dict[str, int]:
        insert = "INSERT INTO terms (taxonomy, name, slug) VALUES (?, ?, ?)"
        return {"id": self.site.state.run(insert, taxonomy, name, name)}

    def lose_webhooks(self) -> None:
        self.site.state.run("DELETE FROM queue")


def read(shop: Shop, **more: Any) -> Sync:
    """A reading of the store, carried out to its end."""
    row, _ = catalog.ask_sync(Store.objects.get(pk=shop.store.pk), by="test", **more)
    flow.synced(row.pk)
    row.refresh_from_db()
    assert row.work_state == "done", row.error
    return row
