"""The port's writing half, beyond lists: marks, variants, sizes and the words of a file. Each test on all benches."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Connector
from connectors.errors import NotFound, OutcomeUnknown, Rejected, Unsupported
from connectors.types import Credentials, ImageWrite, RemoteVariant
from tests.connectors.conftest import FakeBench, WooBench
from tests.connectors.shopify.bench import ShopifyBench


@pytest.fixture(params=["twin", "woocommerce on the sandbox", "shopify on the sandbox"])
def bench(request: pytest.FixtureRequest, tmp_path: Any, loopback: Any, web: Any) -> Any:
    if request.param == "twin":
        return FakeBench(f"https://{tmp_path.name}.example")
    if request.param == "woocommerce on the sandbox":
        return WooBench(request.getfixturevalue("shop"), web)
    return ShopifyBench(request.getfixturevalue("shopify"), loopback, web)


def upload(connector: Connector, data: bytes, name: str = "mug-v7-0123456789.jpg") -> str:
    return connector.upload(data=data, filename=name, content_type="image/jpeg").id


def variants(bench: Any, product_id: str) -> dict[str, str]:
    found = bench.connect().product(product_id).variants
    return {v.id: v.image.id if v.image else "" for v in found}


# -- the mark that a write leaves ----------------------------------------------------------------------------


def test_a_mark_goes_with_the_list_and_is_read_back(bench: Any, make_photo: Any) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo(),))
    kept = [ImageWrite(id=i.id) for i in connector.product(product_id).images]
    assert connector.set_images(product_id, kept, mark="v7-abc").mark == "v7-abc"
    assert connector.product(product_id).mark == "v7-abc"
    assert connector.set_images(product_id, kept).mark == "v7-abc", "left alone where none is given"
    assert connector.set_images(product_id, kept, mark="").mark == ""
    assert connector.product(product_id).mark == ""


def test_a_mark_tells_that_a_write_was_done_whose_answer_was_lost(bench: Any, make_photo: Any) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup")
    image_id = upload(connector, make_photo())
    bench.lose_answer("set_images")
    with pytest.raises(OutcomeUnknown):
        connector.set_images(product_id, [ImageWrite(id=image_id)], mark="v7-abc")
    assert connector.product(product_id).mark == "v7-abc"


def test_a_list_that_is_refused_leaves_no_mark(bench: Any) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup")
    with pytest.raises(Rejected):
        connector.set_images(product_id, [ImageWrite(id="99999999")], mark="v7-abc")
    assert connector.product(product_id).mark == ""


# -- variants --------------------------------------------------------------------------------------------------


def test_a_variant_gets_an_image_and_loses_it_and_the_others_keep_theirs(bench: Any, make_photo: Any) -> None:
    connector = bench.connect()
    product_id, (red, blue) = bench.add_variable("Cup", ("Red", "Blue"), make_photo())
    before = variants(bench, product_id)
    image_id = upload(connector, make_photo("navy"))
    answer = connector.set_variant_image(product_id, red, ImageWrite(id=image_id))
    assert isinstance(answer, RemoteVariant) and answer.image and answer.image.id == image_id
    assert variants(bench, product_id) == {red: image_id, blue: before[blue]}
    first, *_ = connector.product(product_id).images
    without = connector.set_variant_image(product_id, red, None)
    if bench.variants_show_the_list:
        assert without.image is None
        assert variants(bench, product_id) == {red: "", blue: before[blue]}
        return
    assert without.image and without.image.id == first.id, (
        "without one of its own it shows the product's first"
    )
    other = upload(connector, make_photo("olive"), "other.jpg")
    connector.set_images(product_id, [ImageWrite(id=other)])
    assert variants(bench, product_id) == {red: other, blue: before[blue]}, "and follows the list"


def test_a_variant_may_download_its_image(bench: Any, make_photo: Any) -> None:
    product_id, (red,) = bench.add_variable("Cup", ("Red",), make_photo())
    src = bench.host(make_photo("navy"))
    answer = bench.connect().set_variant_image(product_id, red, ImageWrite(src=src, alt="A navy cup"))
    assert answer.image is not None and answer.image.alt == "A navy cup"
    assert bench.connect().fetch(answer.image.src) == make_photo("navy")


def test_a_products_own_pictures_stay_when_a_variant_gets_one(bench: Any, make_photo: Any) -> None:
    connector = bench.connect()
    product_id, (red,) = bench.add_variable("Cup", ("Red",), make_photo())
    before = [i.id for i in connector.product(product_id).images]
    connector.set_variant_image(product_id, red, ImageWrite(id=upload(connector, make_photo("navy"))))
    after = [i.id for i in connector.product(product_id).images]
    assert after[: len(before)] == before
    assert len(after) == len(before) + bench.variants_show_the_list


@pytest.mark.parametrize("variant", ["999999", "../1", ""])
def test_a_variant_that_is_not_there_is_said_to_be_gone(bench: Any, make_photo: Any, variant: str) -> None:
    product_id, _ = bench.add_variable("Cup", ("Red",), make_photo())
    with pytest.raises(NotFound):
        bench.connect().set_variant_image(product_id, variant, None)


def test_an_unknown_image_for_a_variant_is_refused(bench: Any, make_photo: Any) -> None:
    product_id, (red,) = bench.add_variable("Cup", ("Red",), make_photo())
    with pytest.raises(Rejected):
        bench.connect().set_variant_image(product_id, red, ImageWrite(id="99999999"))


# -- files -----------------------------------------------------------------------------------------------------


def test_all_files_of_one_name_are_found_oldest_first(bench: Any, make_photo: Any) -> None:
    connector = bench.connect()
    first, second = upload(connector, make_photo("red")), upload(connector, make_photo("blue"))
    if bench.one_file_of_a_name:
        assert second == first, "the one that is there is taken for an earlier try's"
        second = bench.add_file(make_photo("blue"), "mug-v7-0123456789.jpg")
    upload(connector, make_photo("green"), "mug-v71-0123456789.jpg")
    assert [i.id for i in connector.find_uploads("mug-v7-0123456789")] == [first, second]
    assert connector.find_uploads("mug-v8-0123456789") == []


def test_what_was_uploaded_is_described_afterwards(bench: Any, make_photo: Any) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup")
    image_id = upload(connector, make_photo())
    connector.describe(image_id, alt="A blue cup", title="Cup")
    [shown] = connector.set_images(product_id, [ImageWrite(id=image_id)]).images
    assert shown.alt == "A blue cup"
    assert shown.name == ("Cup" if bench.titles else "mug-v7-0123456789")
    connector.describe(image_id)
    assert connector.product(product_id).images[0].alt == "A blue cup"


def test_the_sizes_of_an_image_begin_with_the_image_itself_and_can_be_loaded(
    bench: Any, make_photo: Any
) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo(size=(900, 700)),))
    [image] = connector.product(product_id).images
    first, *made = connector.sizes(image)
    assert first.src == image.src
    assert all(connector.fetch(size.src) for size in made)
    assert len({size.src for size in (first, *made)}) == 1 + len(made)
    if not isinstance(bench, FakeBench):
        assert (first.width_px, first.height_px) == (900, 700)
        known = (
            {(375, 292), (750, 583)} if bench.variants_show_the_list else {(300, 300), (100, 100), (768, 597)}
        )
        assert {(s.width_px, s.height_px) for s in made} >= known


def test_without_the_media_library_the_products_list_tells_what_sizes_it_knows(
    bench: Any, make_photo: Any
) -> None:
    if isinstance(bench, ShopifyBench):
        pytest.skip("a store there gives files and products, or neither")
    have = bench.credentials
    product_id = bench.add_product("Cup", (make_photo(size=(900, 700)),))
    poor = bench.connect(Credentials(key=have.key, secret=have.secret))
    [image] = poor.product(product_id).images
    first, *made = poor.sizes(image)
    assert first.src == image.src
    if not isinstance(bench, FakeBench):
        assert {size.width_px for size in made} >= {300, 600, 768}
        assert all(poor.fetch(size.src) for size in made)
    with pytest.raises(Unsupported):
        poor.find_uploads("mug")
    with pytest.raises(Unsupported):
        poor.describe(image.id, alt="x")
