"""Reading a catalogue by queries: page by page, whole products, and what a list leaves out."""

from __future__ import annotations

import datetime as dt

import pytest

from connectors.errors import NotFound, NotJson, Rejected
from tests.connectors.shopify.conftest import Admin
from tests.connectors.shopify.shelf import Open, connection, listed, picture, read_all, small, variant


def test_a_small_shop_is_read_page_by_page_oldest_first(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(n) for n in (3, 5, 8, 13, 21)])
    products, tokens = read_all(open_shop)
    assert [product.id for product in products] == ["3", "5", "8", "13", "21"]
    assert admin.names() == ["Products"] * 3, "counted with the first page"
    assert [call.variables["counting"] for call in admin.calls] == [True, False, False]
    assert admin.calls[0].variables["counted"] is None, "a whole shop is counted without searching"
    assert all(len(token) < 200 for token in tokens)


def test_every_page_tells_how_many_there_are(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(n) for n in (3, 5, 8)])
    first = open_shop().products()
    assert first.total == 3
    assert open_shop().products(page=first.next).total == 3


def test_a_count_that_the_shop_gave_up_is_no_total(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(1)])
    told = admin.answers["Products"]
    admin.answers["Products"] = lambda v: {
        **told(v),
        "productsCount": {"count": 25001, "precision": "AT_LEAST"},
    }
    assert open_shop().products(modified_after=dt.datetime.now(dt.UTC)).total is None


def test_what_changed_is_asked_for_in_utc_and_strictly_after(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(1), listed(2), listed(3)], count=9000)
    since = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    page = open_shop().products(modified_after=since)
    assert [product.id for product in page.products] == ["1", "2"], (
        "however many: changes are never read from a file"
    )
    open_shop().products(modified_after=since, page=page.next)
    assert admin.calls[0].variables["counted"] == "updated_at:>'2026-01-02T10:00:00Z'"
    assert [call.variables["query"] for call in admin.calls] == [
        "id:>=1 AND updated_at:>'2026-01-02T10:00:00Z'",
        "id:>=3 AND updated_at:>'2026-01-02T10:00:00Z'",
    ]


def test_a_list_that_stands_still_is_no_list(admin: Admin, open_shop: Open) -> None:
    admin.answers["Products"] = lambda v: {"products": connection([listed(1)], "x")}
    with pytest.raises(NotJson):
        open_shop().products(page="after:1:")


def test_a_list_that_promises_more_and_brings_nothing_ends(admin: Admin, open_shop: Open) -> None:
    admin.answers["Products"] = lambda v: {"products": connection([], "x")}
    assert open_shop().products(page="after:1:").next is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "2",
        "../users",
        "after:",
        "after:x:",
        "after:1:2:3",
        "bulk:1:2",
        "bulk:1:-1:1",
        "bulk:1:2:33",
        "bulk:²:1:1",
    ],
)
def test_a_made_up_page_is_refused(admin: Admin, open_shop: Open, token: str) -> None:
    with pytest.raises(Rejected):
        open_shop().products(page=token)
    assert admin.calls == []


def test_pictures_that_a_list_left_out_are_asked_for(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(1, media=connection([picture(10)], "m1"))])
    rest = {"m1": connection([picture(11)], "m2"), "m2": connection([picture(12)])}
    admin.answers["ProductMedia"] = lambda v: {"product": {"media": rest[v["after"]]}}
    [product] = open_shop().products().products
    assert [image.id for image in product.images] == ["10", "11", "12"]
    assert admin.calls[1].variables == {"id": "gid://shopify/Product/1", "after": "m1"}


def test_variants_that_a_list_left_out_are_named_as_far_as_known_and_told_when_asked(
    admin: Admin, open_shop: Open
) -> None:
    small(admin, [listed(1, hasOnlyDefaultVariant=False, variants=connection([variant(7, 10)], "v1"))])
    admin.answers["ProductVariants"] = lambda v: {"product": {"variants": connection([variant(8)])}}
    connector = open_shop()
    [product] = connector.products().products
    assert (product.variants_told, [v.id for v in product.variants]) == (False, ["7"])
    whole = connector.with_variants(product)
    assert (whole.variants_told, [v.title for v in whole.variants]) == (True, ["V7", "V8"])
    assert whole.variants[0].image == whole.images[0] == product.images[0]
    assert whole.variants[1].image is None
    assert connector.with_variants(whole) is whole


def test_a_product_that_is_deleted_while_it_is_read_is_gone(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(1, hasOnlyDefaultVariant=False, variants=connection([variant(7)], "v1"))])
    admin.answers["ProductVariants"] = lambda v: {"product": None}
    connector = open_shop()
    with pytest.raises(NotFound):
        connector.with_variants(connector.products().products[0])


def test_one_product_comes_whole(admin: Admin, open_shop: Open) -> None:
    told = listed(
        7,
        hasOnlyDefaultVariant=False,
        media=connection([picture(70)], "m"),
        variants=connection([variant(701, 71)], "v"),
    )
    admin.answers["Product"] = lambda v: {"product": told}
    admin.answers["ProductMedia"] = lambda v: {"product": {"media": connection([picture(71)])}}
    admin.answers["ProductVariants"] = lambda v: {"product": {"variants": connection([variant(702)])}}
    product = open_shop().product("7")
    assert [image.id for image in product.images] == ["70", "71"]
    assert [(v.id, v.image.id if v.image else "") for v in product.variants] == [("701", "71"), ("702", "")]
    assert admin.calls[0].variables == {"id": "gid://shopify/Product/7"}


@pytest.mark.parametrize("product_id", ["", "x", "7/8", "../7", "²", "7" * 21])
def test_what_is_no_number_is_no_product(admin: Admin, open_shop: Open, product_id: str) -> None:
    with pytest.raises(NotFound):
        open_shop().product(product_id)
    assert admin.calls == []


def test_a_product_that_is_not_there_is_gone(admin: Admin, open_shop: Open) -> None:
    admin.answers["Product"] = lambda v: {"product": None}
    with pytest.raises(NotFound):
        open_shop().product("7")
