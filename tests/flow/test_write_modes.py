"""A picture takes the place of its photo, or is added, put first, or given to a variation; its name and words go along."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from apps.flow import flow
from apps.jobs.models import Worker
from apps.lib.errors import BadRequest
from apps.publishing.models import Mode, Publication
from apps.publishing.services import asking, steps, writing
from apps.recipes import publishing as recipe_part
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from apps.review.models import Item
from connectors.errors import OutcomeUnknown, Unavailable
from connectors.types import RemoteImage, RemoteProduct, RemoteVariant
from tests.shopkeeping import Shop, photo

COLOURS = ("#111111", "#aa3333", "#33aa33")


def rendered(shop: Shop, **publish: str) -> None:
    """New photos are rendered and judged; what follows waits on the wire. `publish` is the recipe's part."""
    if publish:
        recipe = Recipe.objects.get(workspace=shop.workspace)
        add_version(recipe, body={**recipe.versions.latest("number").body, "publish": publish}, by="test")
    shop.deliver()
    shop.carry()
    shop.render_what_waits()


def written(shop: Shop, **publish: str) -> list[Publication]:
    rendered(shop, **publish)
    shop.carry()
    return shop.publications()


def with_variants(shop: Shop, product: str, **images: RemoteImage | None) -> RemoteProduct:
    variants = tuple(
        RemoteVariant(shop.remote.next_id(), name, image=image) for name, image in images.items()
    )
    return shop.remote.change_product(product, type="variable", variants=variants)


def variant_images(shop: Shop, product: str) -> dict[str, str]:
    return {v.title: v.image.id if v.image else "" for v in shop.remote.products[product].variants}


def test_three_pictures_that_are_put_first_keep_the_order_of_their_photos(shop: Shop) -> None:
    product = shop.sell("Mug", *(photo(c) for c in COLOURS))
    originals = shop.image_ids(product)
    made = written(shop, mode="first")
    in_order = [p.media_id for p in sorted(made, key=lambda p: p.photo.position)]
    assert shop.image_ids(product) == [*in_order, *originals]
    assert shop.remote.calls.count("set_images") == 1


def test_an_added_picture_stands_last_and_the_photo_stays(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]), photo(COLOURS[1]))
    originals = shop.image_ids(product)
    made = written(shop, mode="add")
    in_order = [p.media_id for p in sorted(made, key=lambda p: p.photo.position)]
    assert shop.image_ids(product) == [*originals, *in_order]
    assert [p.snapshot.replaced_id for p in made] == ["", ""]


def test_a_replaced_photo_is_replaced_on_the_variations_that_show_it_too(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]), photo(COLOURS[1]))
    red, blue = shop.remote.products[product].images
    with_variants(shop, product, Red=red, Blue=blue, Plain=None)
    made = {p.snapshot.replaced_id: p.media_id for p in written(shop)}
    assert shop.image_ids(product) == [made[red.id], made[blue.id]]
    assert variant_images(shop, product) == {"Red": made[red.id], "Blue": made[blue.id], "Plain": ""}, (
        "one without a picture of its own goes on following the list"
    )


def test_in_variation_mode_only_the_variations_change(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [red] = shop.remote.products[product].images
    blue = shop.remote.add_media(photo(COLOURS[1]), "blue.jpg")
    with_variants(shop, product, Red=red, Blue=blue, Plain=None)
    made = next(p for p in written(shop, mode="variation") if p.photo.media_id == red.id)
    assert made.live, made.error
    assert shop.image_ids(product) == [red.id], "the product's own pictures stay"
    shown = variant_images(shop, product)
    assert shown["Red"] == shown["Plain"] == made.media_id, "both showed the photo, one of them the product's"
    assert shown["Blue"] != made.media_id


def test_a_picture_for_a_variation_of_a_photo_that_none_shows_says_so(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [made] = written(shop, mode="variation")
    assert (made.work_state, made.live) == ("failed", False)
    assert "no variation of this product shows that photo" in made.error
    assert len(shop.remote.media) == 1, "nothing was uploaded for it"
    assert shop.image_ids(product) == list(shop.remote.media)


def test_a_person_may_want_another_mode_than_the_recipe(shop: Shop) -> None:
    shop.sell("Mug", photo(COLOURS[0]))
    rendered(shop)
    Publication.objects.all().delete()
    [item] = shop.items()
    flow.reviewed(item, by="test", mode="first")
    shop.carry()
    [made] = shop.publications()
    assert (made.mode, made.live) == (Mode.FIRST, True)
    with pytest.raises(BadRequest, match="no way to publish called 'sideways'"):
        flow.reviewed(item, by="test", mode="sideways")


def test_two_recipes_approved_for_one_photo_at_once_replace_each_other_in_turn(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    shop.deliver()
    shop.carry()
    recipe = Recipe.objects.get(workspace=shop.workspace)
    body = {**recipe.versions.latest("number").body, "shadow": {"kind": "none"}}
    flow.regenerate(
        shop.store, add_version(recipe, body=body, by="test"), name="No shadow", key="k", by="test"
    )
    shop.carry()
    shop.render_what_waits()
    assert len(shop.publications()) == 2, "both wait"
    shop.carry()
    first, second = shop.publications()
    assert (first.live, second.live) == (True, True), (first.error, second.error)
    assert shop.image_ids(product) == [second.media_id]
    assert second.snapshot.replaced_id == first.media_id


# -- names and words -------------------------------------------------------------------------------------------


def file_of(shop: Shop, publication: Publication) -> str:
    return shop.remote.media[publication.media_id][0].src.rpartition("/")[2]


def test_a_picture_keeps_the_readable_part_of_its_photos_file_name(shop: Shop) -> None:
    image = shop.remote.add_media(photo(), "Blaue-Tasse_No.3-scaled.jpg")
    shop.remote.add_product("Mug", images=(image,))
    [made] = written(shop)
    assert re.fullmatch(rf"blaue-tasse-no-3-v{made.pk}-[0-9a-f]{{10}}\.jpg", file_of(shop, made))
    shop.remote.change_product(made.product.external_id)
    recipe = Recipe.objects.get(workspace=shop.workspace)
    body = {**recipe.versions.latest("number").body, "shadow": {"kind": "none"}}
    flow.regenerate(shop.store, add_version(recipe, body=body, by="t"), name="Again", key="k", by="test")
    shop.work()
    again = shop.publications()[-1]
    assert file_of(shop, again).startswith(f"blaue-tasse-no-3-v{again.pk}-"), "and never two of our marks"


def test_names_and_words_follow_the_recipes_patterns(shop: Shop) -> None:
    image = shop.remote.add_media(photo(), "IMG_0042.jpg", alt="A mug from the left")
    product = shop.remote.add_product("Blaue Täße <b>", images=(image,), sku="BT-3", vendor="Café Co.")
    [made] = written(
        shop,
        file_name="{vendor} {product} {sku} {position}",
        alt="{product} by {vendor}",
        title="{sku}",
        caption="{alt}",
    )
    assert file_of(shop, made).startswith(f"cafe-co-blaue-tasse-b-bt-3-1-v{made.pk}-")
    shown = shop.remote.products[product.id].images[0]
    assert (shown.alt, shown.name) == ("Blaue Täße <b> by Café Co.", "BT-3")


def test_without_a_pattern_the_photos_alt_text_goes_along(shop: Shop) -> None:
    image = shop.remote.add_media(photo(), "a.jpg", alt="A mug from the left")
    product = shop.remote.add_product("Mug", images=(image,))
    written(shop)
    assert [i.alt for i in shop.remote.products[product.id].images] == ["A mug from the left"]
    assert shop.remote.media[image.id][0].alt == "A mug from the left", "and the photo's own is left alone"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"mode": "sideways"}, "publish.mode has to be one of"),
        ({"alt": "{product.title}"}, "publish.alt: {product.title} is not known"),
        ({"alt": "{product!r}"}, "is not known"),
        ({"alt": "{product:>9999999}"}, "is not known"),
        ({"title": "{"}, "a brace that does not close"),
        ({"caption": 7}, "has to be a text"),
        ({"file_name": "x" * 301}, "at most 300 characters"),
        ({"colour": "red"}, "publish.colour is not known"),
        (["mode"], "publish has to be a table"),
    ],
)
def test_a_pattern_that_can_not_be_carried_out_is_refused_when_the_recipe_is_saved(
    part: Any, said: str
) -> None:
    with pytest.raises(BadRequest, match=re.escape(said)):
        recipe_part.check(part)


def test_recipes_and_publications_know_the_same_modes() -> None:
    assert list(recipe_part.MODES) == list(Mode.values)


def test_how_pictures_go_out_does_not_change_how_they_are_rendered(shop: Shop) -> None:
    shop.sell("Mug", photo())
    written(shop)
    recipe = Recipe.objects.get(workspace=shop.workspace)
    body = {**recipe.versions.latest("number").body, "publish": {"mode": "add"}}
    shop.beat()
    Worker.objects.update(engines=shop.jobs()[0].render.engines)
    flow.regenerate(shop.store, add_version(recipe, body=body, by="t"), name="Add", key="k", by="test")
    shop.work()
    assert shop.rendered == 1, "the picture that is there is used"
    assert shop.publications()[-1].mode == Mode.ADD


# -- steps and resuming ----------------------------------------------------------------------------------------


def test_the_steps_of_a_publication_are_rows_that_end_verified(shop: Shop) -> None:
    product = shop.sell("Mug", photo())
    [red] = shop.remote.products[product].images
    with_variants(shop, product, Red=red)
    [made] = written(shop)
    assert [(s.name, s.state) for s in made.steps.order_by("pk")] == [
        ("upload", "verified"),
        ("write", "verified"),
        ("variants", "verified"),
    ]
    assert all(s.planned_at <= s.sent_at <= s.seen_at <= s.verified_at for s in made.steps.all())


def test_a_list_that_changed_during_the_upload_is_read_again_and_nothing_of_it_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = shop.sell("Mug", photo())
    [original] = shop.remote.products[product].images
    rendered(shop)
    upload = writing.uploading._sent

    def meanwhile(*args: Any) -> RemoteImage:
        image = upload(*args)
        extra = shop.remote.add_media(photo("#0a0"), "extra.jpg")
        shop.remote.change_product(product, images=(extra, original))
        return image

    monkeypatch.setattr(writing.uploading, "_sent", meanwhile)
    shop.carry()
    made = shop.publications()[0]
    extra = shop.remote.products[product].images[0]
    assert shop.image_ids(product) == [extra.id, made.media_id]
    assert [i["id"] for i in made.snapshot.images] == [extra.id, original.id], "undo knows the newest list"


def test_a_written_list_from_which_somebody_took_the_picture_is_not_written_again(shop: Shop) -> None:
    """The answer was lost; before we looked, the merchant had put the photo back by hand."""
    product = shop.sell("Mug", photo())
    [original] = shop.remote.products[product].images
    rendered(shop)
    shop.remote.fail(OutcomeUnknown("cut"), "set_images", after=True)
    [pk] = [args[0] for task, args in shop.wire if task == "flow.publish"]
    claimed = writing.turns.take_publications(pk)
    connector = writing.open_store(claimed[0].store)
    remote = connector.product(product)
    writing._take_snapshot(connector, remote, claimed[0])
    writing.uploading.upload(connector, remote, claimed[0])
    with pytest.raises(OutcomeUnknown):
        shop.remote.fail(Unavailable("503"), "product")
        writing._put_list(connector, remote, claimed)
    shop.remote.change_product(product, images=(original,))
    claimed[0].later(0)
    shop.carry()
    [made] = shop.publications()
    assert made.work_state == "failed" and "somebody may have taken it off" in made.error
    assert shop.image_ids(product) == [original.id]
    assert steps.is_unsure(made)


def test_a_product_in_the_trash_is_not_written_to(shop: Shop) -> None:
    product = shop.sell("Mug", photo())
    before = shop.image_ids(product)
    rendered(shop)
    shop.remote.products[product] = replace(shop.remote.products[product], status="trash")
    shop.carry()
    [made] = shop.publications()
    assert made.work_state == "failed" and "in the store's trash" in made.error
    assert shop.image_ids(product) == before
    shop.remote.restore_product(product)
    asking.retry(made, by="test")
    Publication.objects.update(not_before=timezone.now())
    flow.published(made.pk)
    assert shop.publications()[0].live


def test_what_two_products_share_is_never_changed_in_place(shop: Shop) -> None:
    shared = shop.remote.add_media(photo(), "shared.jpg", alt="Both")
    one = shop.remote.add_product("One", images=(shared,))
    two = shop.remote.add_product("Two", images=(shared,))
    data = shop.remote.media[shared.id]
    rendered(shop)
    # Only the first of the two is approved.
    first = Item.objects.order_by("pk").first()
    assert first is not None
    Publication.objects.exclude(item=first).delete()
    shop.wire[:] = [t for t in shop.wire if t[0] != "flow.publish"]
    flow.published(Publication.objects.get(item=first).pk)
    assert shop.remote.media[shared.id] == data
    shown = {p.id: [i.id for i in shop.remote.products[p.id].images] for p in (one, two)}
    assert sorted(len(ids) for ids in shown.values()) == [1, 1]
    assert [shared.id] in shown.values(), "the other product still shows it"


def test_a_second_file_of_ours_that_came_late_is_known_and_not_worked_on(shop: Shop) -> None:
    """A store that downloads by address finished a write that we had given up on, after we had written again."""
    product = shop.sell("Mug", photo())
    [made] = written(shop)
    jobs = len(shop.jobs())
    late = shop.remote.add_media(shop.remote.media[made.media_id][1], f"{made.stem}.jpg")
    assert late.id != made.media_id and late.src.endswith(f"{made.stem}-1.jpg")
    shop.remote.change_product(product, images=(late,))
    shop.deliver()
    shop.work()
    assert len(shop.jobs()) == jobs, "nothing is rendered from our own picture"
    assert shop.store.written_media.filter(media_id=late.id, publication=made.pk).exists()


def test_a_merchants_file_that_only_looks_like_ours_is_the_merchants(shop: Shop) -> None:
    image = shop.remote.add_media(photo(), "lens-v12-0123456789.jpg")
    shop.remote.add_product("Lens", images=(image,))
    assert len(written(shop)) == 1
