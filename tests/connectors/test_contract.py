"""What every connector promises, whatever the platform: run over the twin and over WooCommerce on the sandbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import Connector
from connectors.errors import (
    AuthExpired,
    Away,
    ConnectorError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    TooLarge,
    Unsupported,
)
from connectors.types import ImageWrite, Kind

SECRET = "the-secret-of-this-store"
Photo = Callable[..., bytes]


def ids(connector: Connector, product_id: str) -> list[str]:
    return [image.id for image in connector.product(product_id).images]


def upload(connector: Connector, data: bytes, name: str = "vitrine-7.jpg") -> str:
    return connector.upload(data=data, filename=name, content_type="image/jpeg").id


# -- reading ----------------------------------------------------------------------------------------------


def test_the_whole_catalogue_is_read_page_by_page_oldest_first(bench: Any) -> None:
    bench.add_many(205)
    connector, seen, token = bench.connect(), [], None
    while True:
        page = connector.products(page=token)
        seen += [int(product.id) for product in page.products]
        assert page.total == 205
        token = page.next
        if token is None:
            break
    assert len(seen) == 205
    assert seen == sorted(set(seen))


def test_a_listed_product_can_be_asked_for_its_variants(bench: Any, make_photo: Photo) -> None:
    product_id = bench.add_product("Shirt", (make_photo("red"),))
    variant_id = bench.add_variant(product_id, "Blue", make_photo("blue"))
    connector = bench.connect()
    [listed] = connector.products().products
    assert [v.id for v in listed.variants] == [variant_id]
    whole = connector.with_variants(listed)
    assert whole.variants_told and whole.images == listed.images
    [variant] = whole.variants
    assert variant.title == "Blue" and variant.image is not None
    assert connector.fetch(variant.image.src) == make_photo("blue")
    assert connector.product(product_id).variants == whole.variants


def test_an_empty_catalogue_is_one_empty_page(bench: Any) -> None:
    page = bench.connect().products()
    assert (page.products, page.next) == ((), None)


def test_a_made_up_page_token_is_refused(bench: Any) -> None:
    with pytest.raises(Rejected):
        bench.connect().products(page="../users")


def test_only_products_changed_strictly_after_the_watermark_come_back(bench: Any) -> None:
    old, edge, new = (bench.add_product(name) for name in ("Old", "Edge", "New"))
    for product_id, when in (
        (old, "2026-01-01T10:00:00"),
        (edge, "2026-01-02T10:00:00"),
        (new, "2026-01-02T10:00:01"),
    ):
        bench.date_back(product_id, when)
    watermark = dt.datetime(2026, 1, 2, 12, 0, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    page = bench.connect().products(modified_after=watermark)
    assert [product.title for product in page.products] == ["New"]
    assert page.products[0].modified_at == dt.datetime(2026, 1, 2, 10, 0, 1, tzinfo=dt.UTC)


def test_a_trashed_product_leaves_the_catalogue(bench: Any) -> None:
    kept, gone = bench.add_product("Kept"), bench.add_product("Gone")
    bench.trash(gone)
    assert [product.id for product in bench.connect().products().products] == [kept]


def test_a_product_tells_its_title_and_photos_in_order(bench: Any, make_photo: Photo) -> None:
    product_id = bench.add_product("Blue cup", (make_photo("blue"), make_photo("navy")))
    product = bench.connect().product(product_id)
    assert (product.id, product.title, product.status, product.type) == (
        product_id,
        "Blue cup",
        "publish",
        "simple",
    )
    assert bench.connect().fetch(product.images[0].src) == make_photo("blue")
    assert bench.connect().fetch(product.images[1].src) == make_photo("navy")


@pytest.mark.parametrize("product_id", ["999999", "../webhooks", "", "7/variations"])
def test_a_product_that_is_not_there_is_said_to_be_gone(bench: Any, product_id: str) -> None:
    with pytest.raises(NotFound):
        bench.connect().product(product_id)


def test_a_photo_over_the_cap_is_not_taken_in(bench: Any, make_photo: Photo) -> None:
    product = bench.connect().product(bench.add_product("Cup", (make_photo(),)))
    with pytest.raises(TooLarge):
        bench.connect(max_image_bytes=100).fetch(product.images[0].src)


def test_a_photo_that_was_taken_down_is_said_to_be_gone(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    image = connector.product(bench.add_product("Cup", (make_photo(),))).images[0]
    connector.delete_media(image.id)
    with pytest.raises(NotFound):
        connector.fetch(image.src)


def test_a_healthy_store_with_all_keys_can_do_everything(bench: Any) -> None:
    info = bench.connect().check()
    assert (info.can_read, info.can_write, info.can_upload, info.can_webhook) == (True, True, True, True)
    assert info.name


def test_wrong_keys_are_told_as_such_by_every_kind_of_call(bench: Any) -> None:
    connector = bench.connect(replace(bench.credentials, secret="cs_wrong"))
    for call in (
        connector.check,
        connector.products,
        lambda: connector.product("1"),
        lambda: connector.set_images("1", []),
        lambda: connector.subscribe(delivery_url=bench.hook_url, secret=SECRET),
    ):
        with pytest.raises(AuthExpired):
            call()


def test_the_throttle_is_asked_before_each_call(bench: Any, make_photo: Photo) -> None:
    asked: list[bool] = []
    connector = bench.throttled(lambda *, images=False, points=0.0: asked.append(images))
    product_id = bench.add_product("Cup", (make_photo("red"),))
    connector.products()
    connector.fetch(connector.product(product_id).images[0].src)
    assert asked == [False, False, True]


def test_word_is_given_of_every_answer_and_of_pictures_apart(bench: Any, make_photo: Photo) -> None:
    heard: list[tuple[str, bool]] = []

    def hear(error: ConnectorError | None, *, images: bool = False, **took: Any) -> None:
        heard.append((type(error).__name__ if error else "answered", images))

    connector = bench.throttled(lambda **asked: None, heard=hear)
    product_id = bench.add_product("Cup", (make_photo("red"),))
    connector.fetch(connector.product(product_id).images[0].src)
    with pytest.raises(NotFound):
        connector.product("987654")
    assert heard == [("answered", False), ("answered", True), ("NotFound", False)]


def test_who_is_told_that_nobody_is_to_ask_now_asks_nobody(bench: Any) -> None:
    def gate(*, images: bool = False, points: float = 0.0) -> None:
        raise Away("since noon")

    heard: list[object] = []
    connector = bench.throttled(gate, heard=lambda error, **more: heard.append(error))
    with pytest.raises(Away):
        connector.products()
    assert heard == [], "that is no news of the store"


# -- writing ----------------------------------------------------------------------------------------------


def test_an_uploaded_image_is_in_the_library_and_in_no_product(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo("red"),))
    before = ids(connector, product_id)
    image = connector.upload(
        data=make_photo("green"),
        filename="vitrine-1-front.jpg",
        content_type="image/jpeg",
        alt="A cup",
        title="Cup",
    )
    assert (image.alt, image.name) == ("A cup", "Cup")
    assert ids(connector, product_id) == before
    assert connector.fetch(image.src) == make_photo("green")


def test_an_upload_is_found_again_by_its_stem_and_by_no_other(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    image_id = upload(connector, make_photo(), "vitrine-12-front.jpg")
    found = connector.find_upload("vitrine-12")
    assert found is not None
    assert found.id == image_id
    assert connector.find_upload("vitrine-12-front") == found
    assert connector.find_upload("vitrine-1") is None


def test_of_two_uploads_of_one_name_the_first_is_found(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    first, second = upload(connector, make_photo()), upload(connector, make_photo())
    found = connector.find_upload("vitrine-7")
    assert first != second
    assert found is not None
    assert found.id == first


def test_an_upload_whose_answer_was_lost_is_found_instead_of_repeated(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    bench.lose_answer("upload")
    with pytest.raises(OutcomeUnknown):
        upload(connector, make_photo())
    assert connector.find_upload("vitrine-7") is not None
    assert bench.media_count() == 1


def test_without_an_app_password_the_library_stays_closed(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect(replace(bench.credentials, user="", app_password=""))
    assert connector.check().can_upload is False
    with pytest.raises(Unsupported):
        upload(connector, make_photo())
    with pytest.raises(Unsupported):
        connector.find_upload("vitrine-7")


def test_a_written_list_replaces_the_old_one_in_its_order(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    product_id = bench.add_product("Cup", (make_photo("red"), make_photo("green"), make_photo("blue")))
    red, green, blue = ids(connector, product_id)
    new = upload(connector, make_photo("white"))
    answer = connector.set_images(product_id, [ImageWrite(id=new), ImageWrite(id=blue), ImageWrite(id=red)])
    assert [image.id for image in answer.images] == [new, blue, red]
    assert ids(connector, product_id) == [new, blue, red]
    assert bench.media_count() == 4  # green left the product, not the library
    assert [i.id for i in connector.set_images(product_id, [ImageWrite(id=green)]).images] == [green]


def test_an_empty_list_clears_the_photos(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo(),))
    assert connector.set_images(product_id, []).images == ()
    assert bench.media_count() == 1


def test_alt_text_of_a_kept_image_changes_only_when_given(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo(),))
    (image_id,) = ids(connector, product_id)
    connector.set_images(product_id, [ImageWrite(id=image_id, alt="A blue cup")])
    answer = connector.set_images(product_id, [ImageWrite(id=image_id)])
    assert answer.images[0].alt == "A blue cup"


def test_the_same_address_twice_makes_two_images(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup")
    src = bench.host(make_photo())
    first = connector.set_images(product_id, [ImageWrite(src=src, alt="Front")]).images[0]
    second = connector.set_images(product_id, [ImageWrite(src=src)]).images[0]
    assert first.id != second.id
    assert first.alt == "Front"
    assert bench.media_count() == 2


def test_a_write_that_fails_halfway_leaves_the_product_alone_and_an_orphan_behind(
    bench: Any, make_photo: Photo
) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo("red"),))
    before = ids(connector, product_id)
    src = bench.host(make_photo("green"))
    with pytest.raises(Rejected) as caught:
        connector.set_images(product_id, [ImageWrite(src=src), ImageWrite(src=f"{src}.missing.jpg")])
    assert caught.value.code
    assert ids(connector, product_id) == before
    assert bench.media_count() == 2


def test_an_unknown_media_id_is_refused_with_the_stores_words(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo(),))
    with pytest.raises(Rejected, match="99999999 is an invalid image ID") as caught:
        connector.set_images(product_id, [ImageWrite(id="99999999")])
    assert caught.value.status == 400
    assert len(ids(connector, product_id)) == 1


def test_a_list_whose_answer_was_lost_may_have_been_written(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup")
    image_id = upload(connector, make_photo())
    bench.lose_answer("set_images")
    with pytest.raises(OutcomeUnknown):
        connector.set_images(product_id, [ImageWrite(id=image_id)])
    assert ids(connector, product_id) == [image_id]


def test_deleted_media_leaves_every_product_and_may_be_deleted_twice(bench: Any, make_photo: Photo) -> None:
    connector, product_id = bench.connect(), bench.add_product("Cup", (make_photo("red"), make_photo("blue")))
    red, blue = ids(connector, product_id)
    connector.delete_media(red)
    connector.delete_media(red)
    assert ids(connector, product_id) == [blue]


def test_a_file_of_the_media_library_tells_its_name(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    image = connector.upload(data=make_photo(), filename="vitrine-7.jpg", content_type="image/jpeg")
    found = connector.media(image.id)
    assert (found.id, found.file_name, found.attached_to) == (image.id, "vitrine-7.jpg", "")
    connector.delete_media(image.id)
    for gone in (image.id, "../users", ""):
        with pytest.raises(NotFound):
            connector.media(gone)


# -- webhooks ---------------------------------------------------------------------------------------------


def events(bench: Any, connector: Connector, secret: str = SECRET) -> list[tuple[Kind, str]]:
    """What the store delivers now, verified and understood."""
    out = []
    for headers, body in bench.deliveries():
        assert connector.verify(headers=headers, body=body, secret=secret)
        event = connector.parse(headers=headers, body=body)
        out.append((event.kind, event.external_id))
    return out


def test_subscribing_twice_leaves_one_active_webhook_per_topic(bench: Any) -> None:
    connector = bench.connect()
    first = connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    second = connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    assert first == second
    assert len({hook.topic for hook in first}) == len(first) == 4
    assert all(hook.active for hook in connector.webhooks(delivery_url=bench.hook_url))


def test_a_webhook_that_the_store_switched_off_is_made_anew(bench: Any) -> None:
    connector = bench.connect()
    dead = connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)[1]
    bench.disable(dead.id)
    renewed = connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    assert dead.id not in {hook.id for hook in renewed}
    assert {hook.topic for hook in connector.webhooks(delivery_url=bench.hook_url)} == {
        h.topic for h in renewed
    }
    assert len(connector.webhooks(delivery_url=bench.hook_url)) == 4


def test_only_our_own_webhooks_are_listed_and_removed(bench: Any) -> None:
    connector = bench.connect()
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    other = bench.hook_url + "somebody-else/"
    connector.subscribe(delivery_url=other, secret=SECRET)
    assert connector.unsubscribe(delivery_url=bench.hook_url) == 4
    assert connector.webhooks(delivery_url=bench.hook_url) == []
    assert len(connector.webhooks(delivery_url=other)) == 4


def test_a_products_life_is_told_by_signed_events(bench: Any) -> None:
    connector = bench.connect()
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    product_id = bench.add_product("Cup")
    assert events(bench, connector) == [(Kind.PRODUCT_CREATED, product_id)]
    bench.touch(product_id)
    assert events(bench, connector) == [(Kind.PRODUCT_CHANGED, product_id)]
    bench.trash(product_id)
    assert events(bench, connector) == [(Kind.PRODUCT_DELETED, product_id)]
    bench.restore(product_id)
    assert events(bench, connector) == [(Kind.PRODUCT_RESTORED, product_id)]


def test_our_own_write_comes_back_as_an_event(bench: Any, make_photo: Photo) -> None:
    connector = bench.connect()
    product_id = bench.add_product("Cup")
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    image_id = upload(connector, make_photo())
    assert events(bench, connector) == []  # the library alone tells nothing
    connector.set_images(product_id, [ImageWrite(id=image_id)])
    assert events(bench, connector) == [(Kind.PRODUCT_CHANGED, product_id)]


def test_a_burst_of_changes_to_one_product_is_one_delivery(bench: Any) -> None:
    connector = bench.connect()
    product_id = bench.add_product("Cup")
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    for _ in range(5):
        bench.touch(product_id)
    assert events(bench, connector) == [(Kind.PRODUCT_CHANGED, product_id)]
    assert events(bench, connector) == []


def test_a_product_deleted_before_delivery_comes_as_a_signed_event_without_a_product(bench: Any) -> None:
    connector = bench.connect()
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    product_id = bench.add_product("Cup")
    bench.delete(product_id)
    assert events(bench, connector) == [(Kind.OTHER, "")]


def test_after_subscribing_with_a_new_secret_deliveries_are_signed_with_it(bench: Any) -> None:
    connector = bench.connect()
    connector.subscribe(delivery_url=bench.hook_url, secret="an-older-secret")
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    product_id = bench.add_product("Cup")
    assert events(bench, connector) == [(Kind.PRODUCT_CREATED, product_id)]


def test_the_announcement_of_a_webhook_is_a_ping_without_signature(bench: Any) -> None:
    connector = bench.connect()
    hook = connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)[0]
    headers, body = bench.ping(hook.id)
    event = connector.parse(headers=headers, body=body)
    assert (event.kind, event.webhook_id, event.external_id) == (Kind.PING, hook.id, "")
    assert not connector.verify(headers=headers, body=body, secret=SECRET)


def test_a_delivery_verifies_with_its_own_secret_and_body_only(bench: Any) -> None:
    connector = bench.connect()
    connector.subscribe(delivery_url=bench.hook_url, secret=SECRET)
    bench.add_product("Cup")
    ((headers, body),) = bench.deliveries()
    lower = {name.lower(): value for name, value in headers.items()}
    assert connector.verify(headers=lower, body=body, secret=SECRET)
    assert not connector.verify(headers=headers, body=body, secret="another")
    assert not connector.verify(headers=headers, body=body, secret="")
    assert not connector.verify(headers=headers, body=body + b" ", secret=SECRET)
    assert not connector.verify(headers=headers, body=b"", secret=SECRET)
    unsigned = {name: value for name, value in headers.items() if "signature" not in name.lower()}
    assert not connector.verify(headers=unsigned, body=body, secret=SECRET)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1]", b"7", b"\xff\xfe", b"webhook_id=", b"[" * 100_000]
)
def test_nonsense_without_a_topic_is_refused(bench: Any, body: bytes) -> None:
    with pytest.raises(Rejected):
        bench.connect().parse(headers={}, body=body)
