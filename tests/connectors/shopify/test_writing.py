"""Pictures go into a Shopify store step by step: what is there is left alone, and what breaks off is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Settings
from connectors.errors import (
    AuthExpired,
    NotFound,
    NotJson,
    OutcomeUnknown,
    Rejected,
    StillWorking,
    TooLarge,
)
from connectors.http import Http
from connectors.shopify import files
from connectors.shopify.writing import MOST_MEDIA, moves_to, target
from connectors.types import ImageWrite
from tests.connectors.shopify.bench import ShopifyBench

STEM = "blue-cup-v7-0123456789"
Photo = Callable[..., bytes]


@pytest.fixture
def bench(shopify: Any, loopback: Settings, web: Any) -> ShopifyBench:
    return ShopifyBench(shopify, loopback, web)


@pytest.fixture
def slow(bench: ShopifyBench, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """From now on files take so many seconds; the clock goes on when somebody waits."""

    def takes(seconds: float) -> None:
        monkeypatch.setattr(bench.site.media, "_ready_s", seconds)
        monkeypatch.setattr(Http, "wait", lambda http, waited: bench.site.clock.advance(waited))

    return takes


def ids(bench: ShopifyBench, product_id: str) -> list[str]:
    return [image.id for image in bench.connect().product(product_id).images]


def shown(bench: ShopifyBench, product_id: str) -> dict[str, str]:
    return {v.title: v.image.id if v.image else "" for v in bench.connect().product(product_id).variants}


def upload(bench: ShopifyBench, data: bytes, name: str = f"{STEM}.jpg", **more: str) -> str:
    return bench.connect().upload(data=data, filename=name, content_type="image/jpeg", **more).id


def keep(*numbers: str) -> list[ImageWrite]:
    return [ImageWrite(id=number) for number in numbers]


# -- files -----------------------------------------------------------------------------------------------------


def test_a_file_is_waited_for_until_shoppers_can_load_it(
    bench: ShopifyBench, make_photo: Photo, slow: Callable[[float], None]
) -> None:
    slow(3.0)
    image = bench.connect().upload(
        data=make_photo("red"), filename=f"{STEM}.jpg", content_type="image/jpeg", alt="A cup"
    )
    assert (image.alt, image.name) == ("A cup", STEM)
    assert bench.connect().fetch(image.src) == make_photo("red")


def test_a_file_that_takes_too_long_is_found_the_next_time_and_not_put_there_twice(
    bench: ShopifyBench, make_photo: Photo, slow: Callable[[float], None]
) -> None:
    slow(600.0)
    with pytest.raises(StillWorking):
        upload(bench, make_photo())
    with pytest.raises(StillWorking):
        bench.connect().find_uploads(STEM)
    with pytest.raises(StillWorking):
        upload(bench, make_photo())
    bench.site.clock.advance(600)
    found = bench.connect().find_upload(STEM)
    assert found is not None and upload(bench, make_photo()) == found.id
    assert bench.media_count() == 1


@pytest.mark.parametrize(
    ("size", "words"), [((5001, 10), "25 megapixels"), ((20, 20), "can not be processed")]
)
def test_a_picture_that_shopify_does_not_take_says_why_and_leaves_nothing_behind(
    bench: ShopifyBench, make_photo: Photo, size: tuple[int, int], words: str
) -> None:
    data = make_photo(size=size) if size[0] > 20 else make_photo()[:60]
    with pytest.raises(Rejected) as caught:
        upload(bench, data)
    assert caught.value.code in {
        "INVALID_IMAGE_RESOLUTION",
        "IMAGE_PROCESSING_FAILURE",
        "UNSUPPORTED_IMAGE_FILE_TYPE",
    }
    assert bench.media_count() == 0
    assert upload(bench, make_photo()), "and its name is free again"


def test_a_file_that_failed_behind_our_back_does_not_keep_the_name(
    bench: ShopifyBench, make_photo: Photo
) -> None:
    bench.add_file(make_photo(), f"{STEM}.jpg", error="MEDIA_TIMEOUT_ERROR")
    assert bench.connect().find_uploads(STEM) == []
    with pytest.raises(StillWorking):
        upload(bench, make_photo())
    assert upload(bench, make_photo())
    assert bench.media_count() == 1


def test_files_over_the_limit_are_not_sent(bench: ShopifyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with pytest.raises(TooLarge, match="20 MB"):
        upload(bench, b"x" * 11)
    assert bench.sent("StagedUploadsCreate") == 0


def test_a_place_for_files_that_is_busy_is_tried_again(bench: ShopifyBench, make_photo: Photo) -> None:
    bench.site.faults.add("^POST /staged/", "unavailable", retry_after_s=0, times=2)
    assert upload(bench, make_photo())
    assert bench.media_count() == 1


def test_words_are_cut_to_what_shopify_takes(bench: ShopifyBench, make_photo: Photo) -> None:
    number = upload(bench, make_photo(), alt="x" * 600)
    product_id = bench.add_product("Cup")
    [image] = bench.connect().set_images(product_id, keep(number)).images
    assert image.alt == "x" * 512
    bench.connect().describe(number, alt="y" * 600)
    assert bench.connect().product(product_id).images[0].alt == "y" * 512
    with pytest.raises(NotFound):
        bench.connect().describe("1234", alt="z")


def test_a_file_whose_name_was_never_ours_is_not_found(bench: ShopifyBench, make_photo: Photo) -> None:
    bench.add_file(make_photo(), f"{STEM}0.jpg")
    assert bench.connect().find_uploads(STEM) == []
    assert bench.connect().find_uploads("no such *name") == []


# -- lists -----------------------------------------------------------------------------------------------------


def test_films_keep_their_places_and_are_never_touched(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"), make_photo("blue"), make_photo("green")))
    red, blue, green = ids(bench, product_id)
    film = bench.add_film(product_id, 1)
    new = upload(bench, make_photo("white"))
    answer = bench.connect().set_images(product_id, [ImageWrite(id=new, instead_of=red), *keep(blue, green)])
    assert [image.id for image in answer.images] == [new, blue, green]
    assert bench.media(product_id) == [int(new), film, int(blue), int(green)]
    bench.connect().set_images(product_id, keep(red, blue, green))
    assert bench.media(product_id) == [int(red), film, int(blue), int(green)]
    assert bench.media_count() == 5


def test_nothing_is_written_where_all_is_as_wanted(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"), make_photo("blue")))
    before = ids(bench, product_id)
    bench.connect().set_images(product_id, keep(*before), mark="m")
    bench.site.faults.log.clear()
    bench.connect().set_images(product_id, keep(*before), mark="m")
    assert [entry.path.rpartition(" ")[2] for entry in bench.site.faults.log] == ["Product"]


STEPS = ("FileUpdate", "ProductVariantDetachMedia", "ProductVariantAppendMedia", "ProductReorderMedia")


@pytest.mark.parametrize("kind", ["close_before", "close_after"])
@pytest.mark.parametrize(("step", "nth"), [*((s, 1) for s in STEPS), ("FileUpdate", 2), ("MetafieldsSet", 1)])
def test_a_write_that_breaks_off_anywhere_is_gone_on_with(
    bench: ShopifyBench, make_photo: Photo, step: str, nth: int, kind: str
) -> None:
    product_id, _ = bench.add_variable("Cup", ("Red", "Blue"), make_photo("red"))
    [old] = ids(bench, product_id)
    second = bench.add_file(make_photo("green"), "second.jpg")
    bench.connect().set_images(product_id, keep(old, second))
    film = bench.add_film(product_id, 1)
    new = upload(bench, make_photo("white"))
    wanted = [ImageWrite(id=new, instead_of=old), ImageWrite(id=second)]
    match = f"^POST /{bench.name}/.* {step}$"
    if nth == 2:
        # The first one goes through.
        bench.site.faults.add(match, "delay", seconds=0)
    bench.site.faults.add(match, kind)
    with pytest.raises(OutcomeUnknown):
        bench.connect().set_images(product_id, wanted, mark="v7-0123456789")
    done = bench.connect().product(product_id).mark == "v7-0123456789"
    assert done == (step == "MetafieldsSet" and kind == "close_after"), "the mark is the last of it"
    after = bench.connect().set_images(product_id, wanted, mark="v7-0123456789")
    assert [image.id for image in after.images] == [new, second]
    assert bench.media(product_id) == [int(new), film, int(second)]
    between = {("ProductVariantDetachMedia", "close_after"), ("ProductVariantAppendMedia", "close_before")}
    if (step, kind) in between:
        assert shown(bench, product_id) == {"Red": "", "Blue": ""}, "whoever knew them gives it to them"
    else:
        assert shown(bench, product_id) == {"Red": new, "Blue": new}
    assert bench.media_count() == 4


def test_more_variants_than_one_call_takes_are_handed_over(bench: ShopifyBench, make_photo: Photo) -> None:
    names = tuple(f"V{n}" for n in range(130))
    product_id, _ = bench.add_variable("Cup", names, make_photo("red"))
    [old] = ids(bench, product_id)
    new = upload(bench, make_photo("white"))
    bench.connect().set_images(product_id, [ImageWrite(id=new, instead_of=old)])
    assert set(shown(bench, product_id).values()) == {new}
    assert bench.sent("ProductVariantAppendMedia") == 2


def test_what_two_products_share_stays_with_the_other(bench: ShopifyBench, make_photo: Photo) -> None:
    one, two = bench.add_product("One", (make_photo("red"),)), bench.add_product("Two")
    [shared] = ids(bench, one)
    bench.connect().set_images(two, [ImageWrite(id=shared)])
    new = upload(bench, make_photo("white"))
    bench.connect().set_images(one, [ImageWrite(id=new, instead_of=shared)])
    assert (ids(bench, one), ids(bench, two)) == ([new], [shared])
    image = bench.connect().product(two).images[0]
    assert bench.connect().fetch(image.src) == make_photo("red")


def test_a_full_product_says_what_to_do_and_stays_as_it_is(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"),))
    [old] = ids(bench, product_id)
    doc = bench.site.catalogue.product(bench.name, int(product_id))
    more = [
        bench.site.media.add(bench.name, make_photo(), f"p{n}.jpg", at_once=True)
        for n in range(MOST_MEDIA - 1)
    ]
    bench.site.catalogue.attach(bench.name, doc, more)
    bench.site.catalogue.save(bench.name, doc)
    before, new = bench.media(product_id), upload(bench, make_photo("white"))
    kept = keep(*(str(number) for number in before[1:]))
    with pytest.raises(Rejected, match=r"Shopify allows 250.* Take 1 off"):
        bench.connect().set_images(product_id, [ImageWrite(id=new, instead_of=old), *kept])
    assert bench.media(product_id) == before
    bench.connect().set_images(product_id, kept[:-1] + keep(old))
    assert len(ids(bench, product_id)) == MOST_MEDIA - 1, "it still can be made shorter"


def test_what_is_not_ready_yet_is_waited_for_and_nothing_changed_before(
    bench: ShopifyBench, make_photo: Photo, slow: Callable[[float], None]
) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"),))
    [old] = ids(bench, product_id)
    slow(600.0)
    new = bench.add_file(make_photo(), "new.jpg", at_once=False)
    with pytest.raises(StillWorking):
        bench.connect().set_images(product_id, [ImageWrite(id=new, instead_of=old)], mark="m")
    with pytest.raises(StillWorking):
        bench.connect().set_variant_image(product_id, _only_variant(bench, product_id), ImageWrite(id=new))
    assert ids(bench, product_id) == [old]
    bench.site.clock.advance(600)
    bench.connect().set_images(product_id, [ImageWrite(id=new, instead_of=old)], mark="m")
    assert ids(bench, product_id) == [new]


def _only_variant(bench: ShopifyBench, product_id: str) -> str:
    doc = bench.site.catalogue.product(bench.name, int(product_id))
    doc["variants"][0]["title"] = "Real"
    bench.site.catalogue.save(bench.name, doc)
    return str(doc["variants"][0]["id"])


def test_a_file_that_somebody_is_at_is_come_back_to(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"), make_photo("blue")))
    red, blue = ids(bench, product_id)
    bench.site.media.lock(bench.name, int(red), 600.0)
    with pytest.raises(StillWorking) as caught:
        bench.connect().set_images(product_id, keep(blue), mark="m")
    assert caught.value.code == "FILE_LOCKED"
    assert bench.connect().product(product_id).mark == ""
    bench.site.clock.advance(600)
    assert [i.id for i in bench.connect().set_images(product_id, keep(blue), mark="m").images] == [blue]


def test_an_order_that_takes_its_time_is_waited_for_and_come_back_to(
    bench: ShopifyBench, make_photo: Photo, slow: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"), make_photo("blue")))
    red, blue = ids(bench, product_id)
    slow(0.0)
    monkeypatch.setattr(bench.site.jobs, "_takes_s", 4.0)
    bench.connect().set_images(product_id, keep(blue, red))
    assert ids(bench, product_id) == [blue, red]
    monkeypatch.setattr(bench.site.jobs, "_takes_s", 600.0)
    for _ in range(2):
        # The second time it meets MEDIA_CANNOT_BE_MODIFIED.
        with pytest.raises(StillWorking):
            bench.connect().set_images(product_id, keep(red, blue), mark="m")
    monkeypatch.setattr(bench.site.jobs, "_takes_s", 0.0)
    bench.site.clock.advance(600)
    bench.connect().set_images(product_id, keep(red, blue), mark="m")
    assert ids(bench, product_id) == [red, blue]


def test_a_product_that_is_gone_is_said_to_be_gone(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"),))
    bench.trash(product_id)
    with pytest.raises(NotFound):
        bench.connect().set_images(product_id, [])


def test_a_film_is_no_picture_of_a_list(bench: ShopifyBench, make_photo: Photo) -> None:
    product_id = bench.add_product("Cup", (make_photo("red"),))
    film = bench.add_film(product_id, 0)
    with pytest.raises(Rejected, match="invalid image ID"):
        bench.connect().set_images(product_id, keep(str(film)))


def test_a_store_that_gave_no_files_can_not_be_written_to(
    bench: ShopifyBench, make_photo: Photo, admin: Any
) -> None:
    bench.site.change_scopes(bench.name, ("write_products",))
    info = bench.connect().check()
    assert (info.can_read, info.can_write, info.can_upload) == (True, False, False)
    with pytest.raises(AuthExpired, match="write_files"):
        upload(bench, make_photo())


# -- orders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "wanted", "leaving", "becomes"),
    [
        ("aVbn", "nb", {"a": "n"}, "naVb"),
        ("aVbn", "nb", {"a": ""}, "nVba"),
        ("abn", "an", {"b": "n"}, "anb"),
        ("Vabcn", "nbc", {"a": "n"}, "Vnabc"),
        ("aVbWcn", "anc", {"b": "n"}, "aVnbWc"),
        ("aVbWcnm", "nmc", {"a": "n", "b": "m"}, "naVmbWc"),
        ("naVmbcWp", "nmp", {"a": "n", "b": "m", "c": "p"}, "naVmbpcW"),
        ("aVbn", "nab", {}, "nVab"),
        ("abV", "", {"a": "", "b": ""}, "Vab"),
        ("abcd", "dcba", {}, "dcba"),
        ("ab", "ab", {}, "ab"),
    ],
)
def test_the_order_before_anything_leaves(
    order: str, wanted: str, leaving: dict[str, str], becomes: str
) -> None:
    pictures = set(order) - {"V", "W"}
    found = target(order, wanted, leaving, pictures)
    assert "".join(found) == becomes
    now = list(order)
    for one, place in moves_to(order, found):
        now.remove(one)
        now.insert(place, one)
    assert "".join(now) == becomes
    # Broken off then, or when something has left, the next try finds nothing to move.
    gone = [one for one in found if one not in leaving]
    assert target(found, wanted, leaving, pictures) == found
    assert target(gone, wanted, {}, pictures) == gone


@pytest.mark.parametrize("page", ["plain", "cloudflare", "maintenance"])
def test_a_web_page_where_the_file_was_to_go_is_no_yes(
    bench: ShopifyBench, make_photo: Photo, page: str
) -> None:
    bench.site.faults.add("^POST /staged/", "html", page=page, times=3)
    with pytest.raises(NotJson):
        upload(bench, make_photo())
    bench.site.faults.clear()
    assert upload(bench, make_photo())
    assert bench.media_count() == 1
