"""The sandbox's products behave as a real WooCommerce store was seen to behave."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.server import Sandbox

PRODUCTS = "/wp-json/wc/v3/products"

# Every field that a product of a real store (WooCommerce 10.5) had.
FIELDS = {
    "id",
    "name",
    "slug",
    "permalink",
    "date_created",
    "date_created_gmt",
    "date_modified",
    "date_modified_gmt",
    "type",
    "status",
    "featured",
    "catalog_visibility",
    "description",
    "short_description",
    "sku",
    "price",
    "regular_price",
    "sale_price",
    "date_on_sale_from",
    "date_on_sale_from_gmt",
    "date_on_sale_to",
    "date_on_sale_to_gmt",
    "on_sale",
    "purchasable",
    "total_sales",
    "virtual",
    "downloadable",
    "downloads",
    "download_limit",
    "download_expiry",
    "external_url",
    "button_text",
    "tax_status",
    "tax_class",
    "manage_stock",
    "stock_quantity",
    "backorders",
    "backorders_allowed",
    "backordered",
    "low_stock_amount",
    "sold_individually",
    "weight",
    "dimensions",
    "shipping_required",
    "shipping_taxable",
    "shipping_class",
    "shipping_class_id",
    "reviews_allowed",
    "average_rating",
    "rating_count",
    "upsell_ids",
    "cross_sell_ids",
    "parent_id",
    "purchase_note",
    "categories",
    "brands",
    "tags",
    "images",
    "attributes",
    "default_attributes",
    "variations",
    "grouped_products",
    "menu_order",
    "price_html",
    "related_ids",
    "meta_data",
    "stock_status",
    "has_options",
    "post_password",
    "global_unique_id",
    "_links",
}


@pytest.fixture
def hosted(web: Any, make_photo: Any) -> dict[str, str]:
    """Files elsewhere, by what they are."""
    files = {
        "a.png": make_photo("red", format="PNG"),
        "d.jpg": make_photo("blue"),
        "b.webp": make_photo("green", format="WEBP"),
        "c.avif": make_photo("black", format="AVIF"),
        "noext": make_photo("white"),
        "text.jpg": b"just words",
        "png-named.jpg": make_photo("pink", format="PNG"),
    }
    for name, data in files.items():
        web.pages[f"/{name}"] = (200, {}, data)
    web.pages["/moved.jpg"] = (302, {"Location": "/d.jpg"}, b"")
    return {name: f"{web.url}/{name}" for name in [*files, "missing.png", "moved.jpg"]}


def create(raw: Any, **fields: Any) -> dict[str, Any]:
    answer = raw("POST", PRODUCTS, {"name": "Mug", "regular_price": "12.00", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_product_has_every_field_that_a_real_one_has(raw: Any, hosted: dict[str, str]) -> None:
    product = create(raw, images=[{"src": hosted["a.png"], "name": "Mug front", "alt": "A mug"}])
    assert set(product) == FIELDS
    (image,) = product["images"]
    assert {"id", "date_created_gmt", "src", "name", "alt", "srcset", "sizes", "thumbnail"} <= set(image)
    assert (image["name"], image["alt"]) == ("Mug front", "A mug")
    assert image["src"].endswith("/a.png")


def test_a_page_of_the_list_is_counted_and_linked(raw: Any) -> None:
    for number in range(5):
        create(raw, name=f"Mug {number}")
    first = raw("GET", f"{PRODUCTS}?per_page=2&orderby=id&order=asc")
    assert (first.headers["X-WP-Total"], first.headers["X-WP-TotalPages"]) == ("5", "3")
    assert 'page=2>; rel="next"' in first.headers["Link"]
    assert [p["name"] for p in first.json()] == ["Mug 0", "Mug 1"]
    assert raw("GET", f"{PRODUCTS}?per_page=2&page=9").json() == []
    assert [p["name"] for p in raw("GET", f"{PRODUCTS}?per_page=1").json()] == ["Mug 4"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("per_page=101", "per_page"),
        ("per_page=0", "per_page"),
        ("page=x", "page"),
        ("modified_after=yesterday", "modified_after"),
        ("orderby=luck", "orderby"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(raw: Any, query: str, param: str) -> None:
    answer = raw("GET", f"{PRODUCTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
    assert param in answer.json()["data"]["params"]


def test_fields_picks_and_a_single_product_keeps_its_links(raw: Any) -> None:
    product_id = create(raw)["id"]
    assert set(raw("GET", f"{PRODUCTS}?_fields=id,images").json()[0]) == {"id", "images"}
    assert set(raw("GET", f"{PRODUCTS}/{product_id}?_fields=id,images").json()) == {"id", "images", "_links"}


def test_modified_after_is_site_time_unless_told_otherwise(tmp_path: Path, call_to: Any) -> None:
    with Sandbox(tmp_path / "tokyo", environment="local", gmt_offset_h=9, webhook_interval_s=None) as shop:
        raw = call_to(shop)
        product = create(raw)
        gmt = dt.datetime.fromisoformat(product["date_modified_gmt"])
        assert dt.datetime.fromisoformat(product["date_modified"]) - gmt == dt.timedelta(hours=9)
        just_before = (gmt - dt.timedelta(seconds=1)).isoformat()
        assert len(raw("GET", f"{PRODUCTS}?modified_after={just_before}&dates_are_gmt=true").json()) == 1
        assert len(raw("GET", f"{PRODUCTS}?modified_after={gmt.isoformat()}&dates_are_gmt=true").json()) == 0
        late = (gmt + dt.timedelta(hours=5)).isoformat()  # later than GMT, earlier than site time
        assert len(raw("GET", f"{PRODUCTS}?modified_after={late}").json()) == 1


def test_images_keep_replace_reorder_and_clear(raw: Any, hosted: dict[str, str]) -> None:
    product = create(raw, images=[{"src": hosted["a.png"]}])
    path, (first,) = f"{PRODUCTS}/{product['id']}", [i["id"] for i in product["images"]]
    put = lambda images: raw("PUT", path, {"images": images}).json()["images"]  # noqa: E731
    second = put([{"id": first}, {"src": hosted["d.jpg"], "position": 0}])[1]["id"]
    assert [i["id"] for i in put([{"id": second}, {"id": first}])] == [second, first]
    assert [i["id"] for i in put([{"id": first, "src": hosted["d.jpg"]}])] == [
        first
    ]  # with both, the id wins
    assert raw("PUT", path, {"name": "Other"}).json()["images"][0]["id"] == first  # absent leaves alone
    assert put(None) == []
    assert [i["id"] for i in put([{"id": second}])] == [second]  # it had stayed in the library
    assert put([]) == []


def test_the_same_src_again_is_another_attachment_with_a_number(raw: Any, hosted: dict[str, str]) -> None:
    path = f"{PRODUCTS}/{create(raw)['id']}"
    images = raw("PUT", path, {"images": [{"src": hosted["d.jpg"]}, {"src": hosted["d.jpg"]}]}).json()[
        "images"
    ]
    assert images[0]["id"] != images[1]["id"]
    assert images[1]["src"].endswith("/d-1.jpg")
    assert images[1]["name"] == "d-1.jpg"  # without a name the title is the file name, extension and all


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.png", "Error getting remote image"),
        ("noext", "not allowed to upload this file type"),
        ("c.avif", "not allowed to upload this file type"),
        ("text.jpg", "not allowed to upload this file type"),
    ],
)
def test_a_src_that_wordpress_does_not_take_is_refused(
    raw: Any, hosted: dict[str, str], name: str, message: str
) -> None:
    path = f"{PRODUCTS}/{create(raw)['id']}"
    answer = raw("PUT", path, {"images": [{"src": hosted[name]}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "woocommerce_product_image_upload_error")
    assert message in answer.json()["message"]


def test_redirects_and_queries_of_a_src_are_followed_and_dropped(raw: Any, hosted: dict[str, str]) -> None:
    path = f"{PRODUCTS}/{create(raw)['id']}"
    sources = [{"src": hosted["moved.jpg"]}, {"src": f"{hosted['d.jpg']}?X-Amz-Signature=1"}]
    images = raw("PUT", path, {"images": sources}).json()["images"]
    assert [i["src"].rpartition("/")[2] for i in images] == ["moved.jpg", "d.jpg"]


def test_a_wrong_extension_is_put_right(raw: Any, hosted: dict[str, str]) -> None:
    product = create(raw, images=[{"src": hosted["png-named.jpg"]}])
    assert product["images"][0]["src"].endswith("/png-named.png")


def test_a_failing_update_leaves_orphans_a_failing_creation_none(
    shop: Sandbox, raw: Any, hosted: dict[str, str]
) -> None:
    product_id = create(raw)["id"]
    images = [{"src": hosted["b.webp"]}, {"src": hosted["missing.png"]}]
    assert raw("PUT", f"{PRODUCTS}/{product_id}", {"images": images}).status_code == 400
    assert shop.site.state.count("kind = 'attachment'") == 1
    assert raw("GET", f"{PRODUCTS}/{product_id}").json()["images"] == []
    assert raw("POST", PRODUCTS, {"name": "X", "images": images}).status_code == 400
    assert shop.site.state.count("kind = 'attachment'") == 1
    assert len(raw("GET", PRODUCTS).json()) == 1


def test_alt_and_name_are_stripped_shared_and_never_cleared(raw: Any, hosted: dict[str, str]) -> None:
    first = create(raw, images=[{"src": hosted["a.png"], "alt": "<b>A mug</b>", "name": "Mug"}])
    image_id = first["images"][0]["id"]
    other = create(raw, images=[{"id": image_id, "alt": "", "name": ""}])
    assert (other["images"][0]["alt"], other["images"][0]["name"]) == ("A mug", "Mug")
    raw("PUT", f"{PRODUCTS}/{other['id']}", {"images": [{"id": image_id, "alt": "Changed"}]})
    assert raw("GET", f"{PRODUCTS}/{first['id']}").json()["images"][0]["alt"] == "Changed"


def test_a_save_that_changes_nothing_moves_the_date(shop: Sandbox, raw: Any) -> None:
    product_id = create(raw)["id"]
    shop.site.state.run("UPDATE posts SET modified = '2020-01-01T00:00:00' WHERE id = ?", product_id)
    assert raw("PUT", f"{PRODUCTS}/{product_id}", {}).json()["date_modified_gmt"] > "2026"


def test_a_sku_belongs_to_one_product(raw: Any) -> None:
    first = create(raw, sku="REC-1")
    answer = raw("POST", PRODUCTS, {"name": "Other", "sku": "REC-1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "product_invalid_sku")
    assert answer.json()["data"] == {"status": 400, "resource_id": first["id"], "unique_sku": "REC-1-1"}


def test_meta_data_of_any_key_comes_back(raw: Any) -> None:
    path = f"{PRODUCTS}/{create(raw)['id']}"
    raw("PUT", path, {"meta_data": [{"key": "_vitrine", "value": "pub-1"}, {"key": "x", "value": [1]}]})
    raw("PUT", path, {"meta_data": [{"key": "_vitrine", "value": "pub-2"}]})
    meta = {entry["key"]: entry["value"] for entry in raw("GET", path).json()["meta_data"]}
    assert meta == {"_vitrine": "pub-2", "x": [1]}


def test_post_works_where_put_does_and_a_header_stands_for_delete(raw: Any) -> None:
    product_id = create(raw)["id"]
    assert raw("POST", f"{PRODUCTS}/{product_id}", {"name": "Posted"}).json()["name"] == "Posted"
    gone = raw("POST", f"{PRODUCTS}/{product_id}?force=true", headers={"X-HTTP-Method-Override": "DELETE"})
    assert gone.status_code == 200
    assert raw("GET", f"{PRODUCTS}/{product_id}").status_code == 404


def test_the_trash_hides_a_product_and_force_removes_it(raw: Any) -> None:
    product_id = create(raw)["id"]
    assert raw("DELETE", f"{PRODUCTS}/{product_id}").json()["status"] == "trash"
    assert raw("GET", PRODUCTS).json() == []
    assert raw("GET", f"{PRODUCTS}/{product_id}").json()["status"] == "trash"
    assert raw("DELETE", f"{PRODUCTS}/{product_id}").status_code == 410
    assert raw("DELETE", f"{PRODUCTS}/{product_id}?force=true").status_code == 200
    gone = raw("GET", f"{PRODUCTS}/{product_id}")
    assert (gone.status_code, gone.json()["code"]) == (404, "woocommerce_rest_product_invalid_id")


def test_a_batch_answers_200_with_an_error_in_the_place_of_a_bad_item(raw: Any) -> None:
    product_id = create(raw)["id"]
    items = [{"id": product_id, "name": "Good"}, {"id": 99999999, "name": "x"}]
    answer = raw("POST", f"{PRODUCTS}/batch", {"update": items, "create": [{"name": "New"}]})
    assert answer.status_code == 200
    good, bad = answer.json()["update"]
    assert good["name"] == "Good"
    assert bad == {
        "id": 99999999,
        "error": {
            "code": "woocommerce_rest_product_invalid_id",
            "message": "Invalid ID.",
            "data": {"status": 400},
        },
    }
    assert answer.json()["create"][0]["name"] == "New"


def test_a_batch_takes_a_hundred_items_and_not_one_more(raw: Any) -> None:
    product_id = create(raw)["id"]
    assert raw("POST", f"{PRODUCTS}/batch", {"update": [{"id": product_id}] * 100}).status_code == 200
    answer = raw("POST", f"{PRODUCTS}/batch", {"update": [{"id": product_id}] * 101})
    assert (answer.status_code, answer.json()["code"]) == (413, "woocommerce_rest_request_entity_too_large")


def test_variations_have_one_image_and_a_door_of_their_own(
    shop: Sandbox, raw: Any, hosted: dict[str, str]
) -> None:
    color = {"name": "Color", "variation": True, "options": ["Red", "Blue"]}
    parent = create(raw, type="variable", attributes=[color])
    base = f"{PRODUCTS}/{parent['id']}/variations"
    body = {
        "regular_price": "9",
        "attributes": [{"name": "Color", "option": "Red"}],
        "image": {"src": hosted["d.jpg"]},
    }
    made = raw("POST", base, body).json()
    assert (made["name"], made["parent_id"], made["type"]) == ("Red", parent["id"], "variation")
    assert made["image"]["src"].endswith("/d.jpg")
    assert [p["id"] for p in raw("GET", PRODUCTS).json()] == [parent["id"]]  # variations are not in the list
    assert raw("GET", f"{PRODUCTS}/{parent['id']}").json()["variations"] == [made["id"]]
    as_product = raw("GET", f"{PRODUCTS}/{made['id']}").json()
    assert (as_product["type"], as_product["parent_id"], len(as_product["images"])) == (
        "variation",
        parent["id"],
        1,
    )
    refused = raw("PUT", f"{PRODUCTS}/{made['id']}", {"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (404, "woocommerce_rest_invalid_product_id")
    shop.site.state.run("UPDATE posts SET modified = '2020-01-01T00:00:00' WHERE id = ?", parent["id"])
    for empty in (None, {}, ""):
        raw("PUT", f"{base}/{made['id']}", {"image": {"src": hosted["d.jpg"]}})
        assert raw("PUT", f"{base}/{made['id']}", {"image": empty}).json()["image"] is None
    assert raw("GET", f"{PRODUCTS}/{parent['id']}").json()["date_modified_gmt"] > "2026"


def test_an_unknown_route_says_so_in_json(raw: Any) -> None:
    answer = raw("GET", "/wp-json/wc/v3/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "rest_no_route")
    assert raw("DELETE", PRODUCTS).json()["code"] == "rest_no_route"


def test_json_is_escaped_as_php_does(raw: Any) -> None:
    create(raw, name="Gläser / Tassen")
    text = raw("GET", PRODUCTS).text
    assert "Gl\\u00e4ser \\/ Tassen" in text
    assert raw("GET", PRODUCTS).json()[0]["name"] == "Gläser / Tassen"


def test_a_body_that_is_not_json_is_refused(raw: Any) -> None:
    answer = raw("POST", PRODUCTS, data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_json")


def test_a_variation_without_a_picture_shows_its_parents_main_one(raw: Any, hosted: dict[str, str]) -> None:
    parent = create(raw, type="variable", images=[{"src": hosted["d.jpg"]}, {"src": hosted["d.jpg"]}])
    made = raw("POST", f"{PRODUCTS}/{parent['id']}/variations", {"regular_price": "9"}).json()
    assert made["image"]["id"] == parent["images"][0]["id"]
    as_product = raw("GET", f"{PRODUCTS}/{made['id']}").json()
    assert [i["id"] for i in as_product["images"]] == [parent["images"][0]["id"]]


@pytest.mark.parametrize(
    ("regular", "sale", "price", "on_sale"),
    [
        ("18", "", "18", False),
        ("18", "15", "15", True),
        ("9", "15", "9", False),
        ("", "", "", False),
    ],
)
def test_a_sale_is_a_lower_price(raw: Any, regular: str, sale: str, price: str, on_sale: bool) -> None:
    made = create(raw, regular_price=regular, sale_price=sale)
    assert (made["price"], made["on_sale"], made["purchasable"]) == (price, on_sale, bool(price))


def test_a_variable_product_costs_what_its_cheapest_variation_does(raw: Any) -> None:
    parent = create(raw, type="variable")
    for regular, sale in (("20", ""), ("18", "9.5"), ("11", "")):
        body = {"regular_price": regular, "sale_price": sale}
        raw("POST", f"{PRODUCTS}/{parent['id']}/variations", body)
    told = raw("GET", f"{PRODUCTS}/{parent['id']}").json()
    assert (told["price"], told["regular_price"], told["sale_price"]) == ("9.5", "", "")
    assert told["on_sale"]


def test_brands_are_terms_as_categories_are(raw: Any) -> None:
    brand = raw("POST", f"{PRODUCTS}/brands", {"name": "Kiln & Co"}).json()
    made = create(raw, brands=[{"id": brand["id"]}])
    assert [b["name"] for b in made["brands"]] == ["Kiln & Co"]
