"""Attributes, brand and prices of a product are mirrored; a price alone is no news."""

from __future__ import annotations

from dataclasses import replace

from apps.catalog import selectors
from apps.catalog import services as catalog
from apps.catalog.models import Product
from apps.ingest.models import Delivery
from tests.shopkeeping import Shop
from tests.storefront import Storefront, read


def test_what_the_store_says_of_a_product_is_kept(woo: Shop, front: Storefront) -> None:
    front.sell(
        "Mug",
        "#111",
        regular_price="18.00",
        sale_price="15.00",
        brands=[front.term("product_brand", "Kiln & Co")],
        attributes=[{"name": "Colour", "options": ["Red", "Sand"]}, {"name": "Size", "options": ["0.3 l"]}],
    )
    front.sell("Not for sale yet", "#222")
    read(woo)
    mug, other = Product.objects.order_by("pk")
    assert mug.attributes == {"Colour": ["Red", "Sand"], "Size": ["0.3 l"]}
    assert (mug.vendor, mug.price, mug.regular_price, mug.sale_price, mug.on_sale) == (
        "Kiln & Co",
        "15.00",
        "18.00",
        "15.00",
        True,
    )
    assert (other.attributes, other.price, other.on_sale) == ({}, "", False)
    assert selectors.facets(woo.store.pk).attributes == [
        ("Colour: Red", 1),
        ("Colour: Sand", 1),
        ("Size: 0.3 l", 1),
    ]


def test_another_price_is_kept_but_is_no_drift_and_starts_nothing(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111", regular_price="18")
    read(woo)
    woo.carry()
    jobs = len(woo.jobs())
    front.change(mug, regular_price="20", sale_price="12")
    front.lose_webhooks()
    row = read(woo)
    assert (row.drift_changed, row.drift_photos) == (0, 0)
    product = Product.objects.get()
    assert (product.price, product.on_sale) == ("12", True)
    front.change(mug, sale_price="")
    front.site.hooks.deliver_due()
    woo.carry()
    assert not Delivery.objects.get().changed
    assert Product.objects.get().price == "20" and len(woo.jobs()) == jobs


def test_another_attribute_is_drift(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111")
    read(woo)
    front.change(mug, attributes=[{"name": "Colour", "options": ["Red"]}])
    front.lose_webhooks()
    assert read(woo).drift_changed == 1


def test_what_was_not_known_before_is_no_drift(shop: Shop) -> None:
    remote = shop.remote.products[shop.sell()]
    catalog.mirror(shop.store, remote)
    Product.objects.update(attributes=None, on_sale=None)
    seen = catalog.mirror(shop.store, replace(remote, attributes={"Colour": ("Red",)}, on_sale=True))
    assert not seen.differed
    assert Product.objects.get().attributes == {"Colour": ["Red"]}
