"""WooCommerce's JSON in our words, on small objects of the shape that a real store sends."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connectors.errors import NotJson
from connectors.types import ImageWrite
from connectors.woocommerce import mapping

PRODUCT: dict[str, Any] = {
    "id": 140,
    "name": "Mug &amp; saucer",
    "slug": "mug-saucer",
    "permalink": "https://shop.example/product/mug-saucer/",
    "date_modified": "2026-11-21T04:27:01",
    "date_modified_gmt": "2026-11-21T02:27:01",
    "type": "simple",
    "status": "publish",
    "sku": "REC-1",
    "parent_id": 0,
    "categories": [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
    "brands": [{"id": 3, "name": "Kiln &#38; Co", "slug": "kiln-co"}],
    "tags": [],
    "images": [
        {
            "id": 139,
            "date_created": "2026-11-21T02:27:01",
            "src": "https://shop.example/wp-content/uploads/2026/11/a.png",
            "name": "Mug front",
            "alt": "A mug",
            "srcset": "https://shop.example/wp-content/uploads/2026/11/a.png 640w",
            "sizes": "(max-width: 640px) 100vw, 640px",
            "thumbnail": "https://shop.example/wp-content/uploads/2026/11/a-300x300.png",
        }
    ],
    "variations": [],
}


def test_a_product_comes_over_in_our_words() -> None:
    product = mapping.product(PRODUCT)
    assert (product.id, product.title, product.sku, product.vendor) == (
        "140",
        "Mug & saucer",
        "REC-1",
        "Kiln & Co",
    )
    assert product.categories == ("Uncategorized",)
    assert product.parent_id == ""
    assert product.modified_at == dt.datetime(2026, 11, 21, 2, 27, 1, tzinfo=dt.UTC)
    (image,) = product.images
    assert (image.id, image.alt, image.name) == ("139", "A mug", "Mug front")


def test_a_catalogue_page_knows_its_variations_by_id_only() -> None:
    product = mapping.product(PRODUCT | {"type": "variable", "variations": [137, 138]})
    assert [(v.id, v.title, v.image) for v in product.variants] == [("137", "", None), ("138", "", None)]


def test_a_variation_is_titled_by_its_attributes() -> None:
    variation = {
        "id": 138,
        "sku": "VAR-2-Blue",
        "image": {"id": 13, "src": "https://shop.example/seed-2.jpg", "name": "seed-2", "alt": ""},
        "attributes": [
            {"id": 0, "name": "Color", "option": "Blue"},
            {"id": 0, "name": "Size", "option": "L"},
        ],
        "name": "Blue, L",
    }
    (variant,) = mapping.product(PRODUCT | {"type": "variable"}, [variation]).variants
    assert (variant.id, variant.title, variant.sku) == ("138", "Blue, L", "VAR-2-Blue")
    assert variant.image is not None
    assert variant.image.id == "13"


@pytest.mark.parametrize("picture", [None, [], {}, "", {"id": 0}])
def test_a_variation_without_a_picture_of_its_own_has_none(picture: Any) -> None:
    assert mapping.variant({"id": 1, "image": picture}).image is None


def test_a_variation_read_as_a_product_names_its_parent() -> None:
    assert mapping.product(PRODUCT | {"id": 137, "type": "variation", "parent_id": 136}).parent_id == "136"


@pytest.mark.parametrize(
    "damage",
    [
        {"images": None},
        {"images": {}},
        {"images": [None, 5]},
        {"images": False, "categories": None, "tags": "x", "brands": 0},
        {"variations": None, "name": None, "sku": None, "permalink": False},
        {"date_modified_gmt": None},
        {"date_modified_gmt": ""},
        {"date_modified_gmt": "0000-00-00 00:00:00"},
    ],
)
def test_fields_that_plugins_spoil_do_not_stop_a_sync(damage: dict[str, Any]) -> None:
    product = mapping.product(PRODUCT | damage)
    assert product.id == "140"
    assert product.modified_at.tzinfo is not None


@pytest.mark.parametrize("data", [{}, {"code": "x"}, [], None, "product"])
def test_an_answer_without_a_product_is_not_taken_for_one(data: Any) -> None:
    with pytest.raises(NotJson):
        mapping.product(data)


@pytest.mark.parametrize(
    ("entry", "sent"),
    [
        (ImageWrite(id="7"), {"id": 7}),
        (ImageWrite(id="7", src="https://x.example/a.jpg"), {"id": 7}),
        (ImageWrite(id="7", alt="A", name="N"), {"id": 7, "alt": "A", "name": "N"}),
        (ImageWrite(src="https://x.example/a.jpg", alt="A"), {"src": "https://x.example/a.jpg", "alt": "A"}),
    ],
)
def test_an_image_entry_keeps_by_id_or_loads_by_address(entry: ImageWrite, sent: dict[str, Any]) -> None:
    assert mapping.image_entry(entry) == sent


def test_a_media_item_has_other_names_for_the_same_things() -> None:
    item = {
        "id": 144,
        "slug": "vitrine-pub-1",
        "title": {"raw": "T & T", "rendered": "T &#038; T"},
        "alt_text": "AT",
        "media_details": {"file": "2026/11/vitrine-pub-1-scaled.jpg"},
        "source_url": "https://shop.example/wp-content/uploads/2026/11/vitrine-pub-1-scaled.jpg",
    }
    image = mapping.media(item)
    assert (image.id, image.alt, image.name, image.src) == ("144", "AT", "T & T", item["source_url"])
    assert mapping.media_file(item) == "vitrine-pub-1-scaled.jpg"
    assert mapping.media(item | {"title": {"rendered": "T &#038; T"}}).name == "T & T"


@pytest.mark.parametrize(("status", "active"), [("active", True), ("paused", False), ("disabled", False)])
def test_only_an_active_webhook_delivers(status: str, active: bool) -> None:
    hook = {"id": 1, "status": status, "topic": "product.created", "delivery_url": "https://app.example/"}
    assert mapping.webhook(hook).active is active


@pytest.mark.parametrize(
    ("attributes", "vendor"),
    [
        ([{"name": "Brand", "options": ["Kiln &amp; Co", "Other"]}], "Kiln & Co"),
        ([{"name": "Hersteller", "slug": "pa_manufacturer", "options": ["Nordhaus"]}], "Nordhaus"),
        ([{"name": "Colour", "options": ["blue"]}], ""),
        ([{"name": "Brand", "options": []}], ""),
        ([{"name": "Brand", "options": "Kiln"}], ""),
    ],
)
def test_a_shop_without_brands_may_keep_them_as_an_attribute(attributes: list[Any], vendor: str) -> None:
    assert mapping.product(PRODUCT | {"brands": [], "attributes": attributes}).vendor == vendor
    assert mapping.product(PRODUCT | {"attributes": attributes}).vendor == "Kiln & Co"


@pytest.mark.parametrize(
    ("said", "in_stock"),
    [("instock", True), ("onbackorder", True), ("outofstock", False), (None, None), ("soon", None)],
)
def test_what_can_be_sold_is_in_stock_and_what_is_not_said_is_not_known(
    said: str | None, in_stock: bool | None
) -> None:
    assert mapping.product({"id": 7, "stock_status": said}).in_stock is in_stock


def test_attributes_and_prices_come_over_however_they_are_written() -> None:
    told = {
        "attributes": [
            {"id": 1, "name": "Colour &amp; glaze", "options": ["Red", "Sea &#38; sand", "Red", ""]},
            {"id": 0, "name": "Size", "option": "L"},
            {"id": 0, "name": "Size", "options": ["M"]},
            {"id": 0, "name": "Empty", "options": []},
            {"id": 0, "name": "", "options": ["nothing"]},
            {"id": 0, "name": "Broken", "options": "x"},
            "nonsense",
        ],
        "price": 15.5,
        "regular_price": " 18.00 ",
        "sale_price": "15.50",
        "on_sale": True,
    }
    product = mapping.product(PRODUCT | told)
    assert product.attributes == {"Colour & glaze": ("Red", "Sea & sand"), "Size": ("L", "M")}
    assert (product.price, product.regular_price, product.sale_price) == ("15.5", "18.00", "15.50")
    assert product.on_sale is True


@pytest.mark.parametrize("price", [None, True, [], {}])
def test_what_has_no_price_has_none(price: Any) -> None:
    product = mapping.product(PRODUCT | {"price": price, "on_sale": price if price is not True else "yes"})
    assert (product.price, product.on_sale) == ("", None)


def test_a_placeholder_is_no_picture() -> None:
    placeholder = {"id": 0, "src": "https://shop.example/woocommerce-placeholder.png"}
    assert mapping.product(PRODUCT | {"images": [placeholder]}).images == ()


@pytest.mark.parametrize(
    ("listed", "variations", "told"),
    [({"variations": [7]}, None, False), ({"variations": [7]}, [], True), ({"variations": []}, None, True)],
)
def test_whether_variants_were_told_is_known(listed: Any, variations: Any, told: bool) -> None:
    assert mapping.product(PRODUCT | listed, variations).variants_told is told
