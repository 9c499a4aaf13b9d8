"""The product list: found by words, narrowed by state and store, paged by id; and a product's own page."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.catalog.models import Product
from apps.dashboard.paging import PAGE_SIZE
from tests import factories
from tests.dashboard.merchants import Merchant


def titles(html: str) -> list[str]:
    return re.findall(r'<p class="title"><a [^>]*>([^<]*)</a>', html)


def listed(client: Client, query: str = "") -> list[str]:
    return titles(client.get(f"/products/{query}").content.decode())


def test_products_are_found_by_title_and_by_sku(merchant: Merchant, viewer: Client) -> None:
    assert listed(viewer, "?q=teap") == ["Teapot"]
    sku = Product.objects.get(title="Bottle").sku
    assert listed(viewer, f"?q={sku.lower()}") == ["Bottle"]


def test_a_product_is_found_by_the_sku_of_a_variant(merchant: Merchant, viewer: Client) -> None:
    factories.VariantFactory(product=merchant.product, sku="TEA-RED-XL")
    assert listed(viewer, "?q=red-xl") == ["Teapot"]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("waiting", {"Teapot"}),
        ("published", {"Bottle"}),
        ("failed", {"Torn", "Basket"}),
        ("working", {"Fresh"}),
        ("", {"Teapot", "Bottle", "Basket", "Torn", "Fresh", "Listed"}),
    ],
)
def test_products_are_narrowed_by_state(
    state: str, found: set[str], merchant: Merchant, viewer: Client
) -> None:
    assert set(listed(viewer, f"?state={state}")) == found


def test_a_product_that_worked_the_second_time_is_not_failed(merchant: Merchant, viewer: Client) -> None:
    factories.JobFactory(photo=merchant.failed_job.photo, recipe_version=merchant.version, done=True)
    assert listed(viewer, "?state=failed") == ["Basket"]


def test_nonsense_in_the_address_narrows_nothing(
    merchant: Merchant, neighbour: Merchant, viewer: Client
) -> None:
    everything = listed(viewer)
    for query in (
        "?state=soon",
        f"?store={neighbour.store.pk}",
        "?before=x",
        f"?before={'9' * 40}",
        "?after=-1",
    ):
        assert listed(viewer, query) == everything, query


def test_no_match_says_so_and_leads_back(merchant: Merchant, viewer: Client) -> None:
    html = viewer.get("/products/?q=unicorn").content.decode()
    assert "No product fits." in html and 'href="/products/"' in html


def test_every_product_is_on_exactly_one_page_there_and_back(merchant: Merchant, viewer: Client) -> None:
    factories.ProductFactory.create_batch(2 * PAGE_SIZE, store=merchant.store)
    seen: list[str] = []
    address: str | None = "/products/?state="
    last = address
    while address:
        html = viewer.get(address).content.decode()
        seen += titles(html)
        older = re.search(r'rel="next" href="([^"]*)"', html)
        last, address = address, f"/products/{older[1]}".replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == Product.objects.filter(store=merchant.store).count()
    back = re.search(r'rel="prev" href="([^"]*)"', viewer.get(last).content.decode())
    assert back
    before_last = titles(viewer.get(f"/products/{back[1]}".replace("&amp;", "&")).content.decode())
    assert before_last == seen[PAGE_SIZE : 2 * PAGE_SIZE]


def test_typing_a_search_gets_the_list_only(merchant: Merchant, viewer: Client) -> None:
    answer = viewer.get("/products/?q=tea", headers={"HX-Request": "true", "HX-Target": "found"})
    html = answer.content.decode()
    assert titles(html) == ["Teapot"] and "<html" not in html


def test_a_photo_that_was_not_fetched_shows_a_placeholder_and_is_never_taken_from_the_store(
    merchant: Merchant, viewer: Client
) -> None:
    html = viewer.get(reverse("dashboard:product", args=[merchant.unfetched.product_id])).content.decode()
    assert "Not fetched yet" in html
    assert merchant.unfetched.src not in html


def test_a_product_page_tells_what_the_store_says_of_it(merchant: Merchant, viewer: Client) -> None:
    Product.objects.filter(pk=merchant.product.pk).update(
        vendor="Kiln & Co",
        attributes={"Colour": ["Red", "Sand"]},
        price="15",
        regular_price="18",
        on_sale=True,
    )
    html = viewer.get(reverse("dashboard:product", args=[merchant.product.pk])).content.decode()
    assert "Kiln &amp; Co" in html and "15, reduced from 18" in html
    assert re.search(r"<dt>Colour</dt>\s*<dd>Red, Sand</dd>", html)
    Product.objects.filter(pk=merchant.product.pk).update(price="", on_sale=None, attributes=None)
    html = viewer.get(reverse("dashboard:product", args=[merchant.product.pk])).content.decode()
    assert "none, so it can&#x27;t be bought" in html or "none, so it can't be bought" in html


def test_a_picture_of_a_variant_says_whose_it_is(merchant: Merchant, viewer: Client) -> None:
    factories.VariantFactory(product=merchant.product, external_id="77", title="Red, Large")
    factories.PhotoFactory(product=merchant.product, position=8, variant="77")
    factories.PhotoFactory(product=merchant.product, position=9, variant="78")
    html = viewer.get(reverse("dashboard:product", args=[merchant.product.pk])).content.decode()
    assert "of Red, Large" in html and "of a variant" in html


def test_a_titles_markup_stays_text(merchant: Merchant, viewer: Client) -> None:
    factories.ProductFactory(store=merchant.store, title="<script>alert(1)</script>")
    assert "<script>alert" not in viewer.get("/products/").content.decode()


def test_a_product_page_polls_while_something_moves_and_stops(merchant: Merchant, viewer: Client) -> None:
    moving = viewer.get(reverse("dashboard:product-live", args=[merchant.queued_job.photo.product_id]))
    still = viewer.get(reverse("dashboard:product-live", args=[merchant.live.product_id]))
    assert moving.status_code == 200 and 'hx-trigger="every 2s"' in moving.content.decode()
    assert still.status_code == 286 and "hx-trigger" not in still.content.decode()


def test_the_compare_slider_is_a_range_input_with_a_name(merchant: Merchant, viewer: Client) -> None:
    html = viewer.get(reverse("dashboard:product", args=[merchant.live.product_id])).content.decode()
    slider = re.search(r"<label><span[^>]*>([^<]+)</span><input type=\"range\"", html)
    assert slider and "before" in slider[1]
