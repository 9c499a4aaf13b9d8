"""A product as Shopify tells it, in our words; and what is odd about some."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connectors.errors import NotJson
from connectors.shopify import mapping
from connectors.types import ImageSize

CDN = "https://cdn.shopify.com/s/files/1/0001/files"
SHOP = "good-shop.myshopify.com"


def picture(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/MediaImage/{number}",
        "alt": "From the front",
        "status": "READY",
        "image": {"url": f"{CDN}/shirt%20{number}.jpg?v=1767225600", "width": 1200, "height": 900},
        **changed,
    }


def variant(number: int, media: int = 0, **changed: Any) -> dict[str, Any]:
    shown = [{"id": f"gid://shopify/MediaImage/{media}"}] if media else []
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": "Red / S",
        "sku": f"T-{number}",
        "availableForSale": True,
        "media": {"nodes": shown},
        **changed,
    }


def told(**changed: Any) -> dict[str, Any]:
    return {
        "id": "gid://shopify/Product/7",
        "title": "T-Shirt & more",
        "handle": "t-shirt",
        "status": "ACTIVE",
        "productType": "Shirts",
        "vendor": "Loom",
        "tags": ["new", "summer"],
        "createdAt": "2026-01-01T10:00:00Z",
        "updatedAt": "2026-11-26T07:00:00-05:00",
        "onlineStoreUrl": "https://shop.example/products/t-shirt",
        "hasOnlyDefaultVariant": False,
        "tracksInventory": True,
        "totalInventory": 3,
        "category": {"name": "T-Shirts"},
        "options": [{"name": "Colour", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["S"]}],
        "priceRangeV2": {"minVariantPrice": {"amount": "19.9"}},
        "compareAtPriceRange": None,
        "collections": {"nodes": [{"id": "gid://shopify/Collection/1", "title": "Summer"}]},
        "media": {"nodes": [picture(2), picture(1)]},
        "variants": {"nodes": [variant(11, 1), variant(12)]},
        **changed,
    }


def product(**changed: Any) -> Any:
    return mapping.product(told(**changed), SHOP)


def test_a_product_in_our_words() -> None:
    got = product()
    assert (got.id, got.title, got.vendor, got.tags) == ("7", "T-Shirt & more", "Loom", ("new", "summer"))
    assert got.url == "https://shop.example/products/t-shirt"
    assert (got.status, got.type) == ("publish", "variable")
    assert got.modified_at == dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
    assert got.created_at == dt.datetime(2026, 1, 1, 10, 0, tzinfo=dt.UTC)
    assert got.categories == ("Shirts", "T-Shirts", "Summer")
    assert got.attributes == {"Colour": ("Red", "Blue"), "Size": ("S",)}
    assert got.raw == told()


def test_pictures_come_in_their_order_by_their_numbers() -> None:
    first, second = product().images
    assert (first.id, second.id) == ("2", "1")
    assert (first.alt, first.name) == ("From the front", "shirt 2")
    assert first.src == f"{CDN}/shirt%202.jpg?v=1767225600"


def test_a_file_whose_bytes_were_exchanged_has_another_address() -> None:
    """Its id and its name stay, so the number behind them is all that tells."""
    exchanged = picture(2, image={"url": f"{CDN}/shirt%202.jpg?v=1767999999", "width": 1200, "height": 900})
    assert product(media={"nodes": [exchanged]}).images[0].src != product().images[0].src


def test_sizes_are_the_file_itself_and_widths_that_themes_ask_for() -> None:
    src = f"{CDN}/shirt%202.jpg?v=1767225600"
    assert product().images[0].made == (
        ImageSize(src, 1200, 900),
        ImageSize(f"{src}&width=375", 375, 281),
        ImageSize(f"{src}&width=750", 750, 562),
    )
    plain = mapping.image(picture(1, image={"url": f"{CDN}/a.jpg", "width": None, "height": None}))
    assert plain.made == (ImageSize(f"{CDN}/a.jpg", 0, 0),)
    assert mapping.image(picture(1, image={"url": f"{CDN}/a.jpg", "width": 400, "height": 400})).made[1:] == (
        ImageSize(f"{CDN}/a.jpg?width=375", 375, 375),
    )


@pytest.mark.parametrize(
    "other",
    [
        picture(3, status="PROCESSING", image=None),
        picture(3, status="UPLOADED", image=None),
        picture(3, status="FAILED"),
        picture(3, image=None),
        {"id": "gid://shopify/Video/3", "alt": "A film", "status": "READY"},
        {"id": "gid://shopify/Model3d/3", "alt": None, "status": "READY"},
        {"id": "gid://shopify/ExternalVideo/3", "alt": None, "status": "READY"},
        None,
    ],
)
def test_only_pictures_that_are_ready_are_pictures(other: Any) -> None:
    got = product(media={"nodes": [other, picture(1)]}, variants={"nodes": [variant(11, 3)]})
    assert [image.id for image in got.images] == ["1"]
    assert got.variants[0].image is None, "a variant that shows it shows none yet"


def test_a_variant_shows_one_of_the_products_pictures_or_none_of_its_own() -> None:
    got = product()
    assert [(v.id, v.title, v.sku) for v in got.variants] == [
        ("11", "Red / S", "T-11"),
        ("12", "Red / S", "T-12"),
    ]
    assert got.variants[0].image is got.images[1]
    assert got.variants[1].image is None


def test_a_product_without_variants_has_none_though_shopify_counts_one() -> None:
    got = product(
        hasOnlyDefaultVariant=True,
        options=[{"name": "Title", "values": ["Default Title"]}],
        variants={"nodes": [variant(11, title="Default Title")]},
    )
    assert (got.type, got.variants, got.variants_told, got.sku, got.attributes) == (
        "simple",
        (),
        True,
        "T-11",
        {},
    )


def test_variants_that_go_on_are_not_told() -> None:
    more = {"hasNextPage": True, "endCursor": "c"}
    got = product(variants={"nodes": [variant(11, 1)], "pageInfo": more})
    assert not got.variants_told
    assert [(v.id, v.image) for v in got.variants] == [("11", None)]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("DRAFT", "draft"),
        ("ARCHIVED", "archived"),
        ("UNLISTED", "unlisted"),
        ("OF_NEXT_YEAR", "of_next_year"),
    ],
)
def test_a_status_of_ours(status: str, word: str) -> None:
    assert product(status=status).status == word


def test_a_product_that_is_not_in_the_online_store_has_the_address_it_would_have() -> None:
    assert product(onlineStoreUrl=None).url == f"https://{SHOP}/products/t-shirt"


@pytest.mark.parametrize(
    ("changed", "categories"),
    [
        ({"productType": "", "category": None}, ("Summer",)),
        ({"productType": " Shirts ", "category": {"name": "Shirts"}}, ("Shirts", "Summer")),
        ({"productType": None, "collections": None}, ("T-Shirts",)),
    ],
)
def test_the_merchants_own_type_comes_first(changed: dict[str, Any], categories: tuple[str, ...]) -> None:
    assert product(**changed).categories == categories


def reduced(least: str, most: str) -> dict[str, Any]:
    return {"minVariantCompareAtPrice": {"amount": least}, "maxVariantCompareAtPrice": {"amount": most}}


@pytest.mark.parametrize(
    ("amount", "compared", "expected"),
    [
        ("19.9", None, ("19.90", "19.90", "", False)),
        ("10.0", None, ("10.00", "10.00", "", False)),
        ("0.125", None, ("0.125", "0.125", "", False)),
        ("19.9", reduced("25.0", "25.0"), ("19.90", "25.00", "19.90", True)),
        ("19.9", reduced("0.0", "30.0"), ("19.90", "30.00", "19.90", True)),
        ("19.9", reduced("0.0", "0.0"), ("19.90", "19.90", "", False)),
        ("19.9", reduced("15.0", "19.9"), ("19.90", "19.90", "", False)),
        ("many", None, ("", "", "", False)),
        ("NaN", None, ("", "", "", False)),
    ],
)
def test_prices(amount: str, compared: Any, expected: tuple[Any, ...]) -> None:
    got = product(priceRangeV2={"minVariantPrice": {"amount": amount}}, compareAtPriceRange=compared)
    assert (got.price, got.regular_price, got.sale_price, got.on_sale) == expected


SOLD_OUT = {"nodes": [variant(11, availableForSale=False)]}
MORE = {"pageInfo": {"hasNextPage": True, "endCursor": "c"}}


@pytest.mark.parametrize(
    ("changed", "in_stock"),
    [
        ({}, True),
        ({"variants": {"nodes": [variant(11, availableForSale=False), variant(12)]}}, True),
        ({"variants": SOLD_OUT, "totalInventory": 0}, False),
        ({"variants": SOLD_OUT | MORE, "totalInventory": 0}, None),
        ({"variants": SOLD_OUT | MORE, "totalInventory": 4}, True),
        ({"variants": SOLD_OUT | MORE, "tracksInventory": False}, True),
        ({"variants": {"nodes": []}, "totalInventory": 0}, None),
    ],
)
def test_what_can_be_bought_is_in_stock(changed: dict[str, Any], in_stock: bool | None) -> None:
    assert product(**changed).in_stock is in_stock


@pytest.mark.parametrize(
    "odd", [None, 7, "", "7", "gid://shopify/Product/", "gid://other/Product/7", "gid://shopify/P/x"]
)
def test_what_has_no_id_is_no_product(odd: Any) -> None:
    with pytest.raises(NotJson):
        product(id=odd)


def test_a_product_of_which_little_is_told_is_one_all_the_same() -> None:
    got = mapping.product({"id": "gid://shopify/Product/7"}, SHOP)
    assert (got.id, got.title, got.images, got.variants, got.price) == ("7", "", (), (), "")
    assert got.modified_at == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), ("", None), (None, None), (True, None), ("-1", None), ("²", None), (1.5, None)],
)
def test_counts_come_as_numbers_or_as_text(value: Any, number: int | None) -> None:
    assert mapping.count(value) == number


def test_long_ids_have_two_halves() -> None:
    assert mapping.kind_and_number("gid://shopify/ProductVariant/12") == ("ProductVariant", "12")
    assert mapping.number_of("gid://shopify/InventoryLevel/1?inventory_item_id=2") == "1"
    assert mapping.gid("Product", "7") == "gid://shopify/Product/7"
