"""An owner asks for one scale across a product's photos, sees whether it was kept, and renders a product again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.catalog.models import Photo
from apps.dashboard import measures, recipe_words
from apps.jobs.models import Batch, Job, Render
from apps.recipes.models import RecipeVersion
from apps.recipes.services import WHITE_PACKSHOT
from apps.review.policy import judge
from tests import factories
from tests.dashboard.merchants import Merchant


def choose(client: Client, merchant: Merchant, consistent: str) -> str:
    address = reverse("dashboard:recipe-scale", args=[merchant.version.recipe_id])
    return client.post(address, {"consistent": consistent}, follow=True).content.decode()


def newest(merchant: Merchant) -> RecipeVersion:
    return merchant.version.recipe.versions.latest("number")


def test_an_owner_asks_for_one_scale_and_gets_a_new_version(merchant: Merchant, owner: Client) -> None:
    html = choose(owner, merchant, "product")
    assert "has version 2 now" in html and "all photos of a product at one scale" in html
    assert newest(merchant).body["framing"] == {**WHITE_PACKSHOT["framing"], "consistent": "product"}
    assert '<option value="product" selected>' in html


def test_taking_it_back_leaves_the_recipe_as_it_was(merchant: Merchant, owner: Client) -> None:
    choose(owner, merchant, "product")
    choose(owner, merchant, "off")
    assert newest(merchant).number == 3 and newest(merchant).body == merchant.version.body


def test_choosing_what_is_there_makes_no_version(merchant: Merchant, owner: Client) -> None:
    assert "stays as it is" in choose(owner, merchant, "off")
    assert newest(merchant) == merchant.version


def test_nonsense_is_refused(merchant: Merchant, owner: Client) -> None:
    assert "Choose how large" in choose(owner, merchant, "galaxy")
    assert newest(merchant) == merchant.version


def test_only_an_owner_is_offered_the_choice(merchant: Merchant, reviewer: Client) -> None:
    assert "Save as a new version" not in reviewer.get("/recipes/").content.decode()


def test_a_recipe_that_leaves_no_choice_offers_none(merchant: Merchant, owner: Client) -> None:
    body = {**WHITE_PACKSHOT, "framing": {"canvas_px": None}}
    factories.RecipeVersionFactory(recipe=merchant.version.recipe, number=2, body=body)
    assert (
        reverse("dashboard:recipe-scale", args=[merchant.version.recipe_id])
        not in owner.get("/recipes/").content.decode()
    )


def test_nobody_changes_a_neighbours_recipe(neighbour: Merchant, owner: Client) -> None:
    address = reverse("dashboard:recipe-scale", args=[neighbour.version.recipe_id])
    assert owner.post(address, {"consistent": "product"}).status_code == 404


def test_the_recipe_is_told_in_words() -> None:
    framing = {"canvas_px": [800, 800], "fill": 0.8, "consistent": "product"}
    lines = {line.name: line.value for line in recipe_words.lines({**WHITE_PACKSHOT, "framing": framing})}
    assert (
        lines["Framing"]
        == "800 × 800 px, the product fills at most 80%, all photos of a product at one scale"
    )


@pytest.mark.parametrize(
    ("numbers", "value", "look"),
    [
        (
            {"group_photos": 3, "group_scale": 0.5, "group_scale_used": True},
            "decided by 3 photos",
            False,
        ),
        (
            {"group_photos": 1, "group_scale": 0.5, "group_scale_used": True, "group_unsure": 2},
            "decided by 1 photo; 2 left out, the cut-out is not sure",
            True,
        ),
        (
            {"group_photos": 2, "group_scale": 0.5, "group_scale_used": True, "group_unreadable": 1},
            "decided by 2 photos; 1 left out, the file can't be used",
            True,
        ),
        (
            {"group_photos": 2, "group_scale": 0.5, "group_scale_used": False},
            "no: this photo would not fit at the scale of the others",
            True,
        ),
        ({"group_photos": 0}, "no: none of its photos has a sure cut-out", True),
    ],
)
def test_the_measures_say_who_decided_and_who_did_not(
    numbers: dict[str, Any], value: str, look: bool
) -> None:
    found = measures.readings(Render(measures=numbers, confidence=None))
    assert measures.Reading("One scale for the product", value, look) in found


def test_a_product_that_is_smaller_than_its_sister_view_is_no_fault() -> None:
    recipe = {**WHITE_PACKSHOT, "framing": {"canvas_px": [800, 800], "fill": 0.85, "consistent": "product"}}
    assert judge(factories.measures(fill=0.3), 0.97, recipe).outcome == "approve"


def product_with(merchant: Merchant, *scales: float | None) -> list[Photo]:
    product = factories.ProductFactory(store=merchant.store, title="Shoe")
    photos = []
    for position, scale in enumerate(scales):
        photo = factories.PhotoFactory(product=product, position=position)
        told = {} if scale is None else {"group_photos": 2, "group_scale": scale, "group_scale_used": True}
        render = factories.RenderFactory(store=merchant.store, measures=factories.measures(**told))
        factories.JobFactory(photo=photo, recipe_version=merchant.version, done=True, render=render)
        photos.append(photo)
    return photos


def page_of(client: Client, photos: list[Photo]) -> str:
    return client.get(reverse("dashboard:product", args=[photos[0].product_id])).content.decode()


@pytest.mark.parametrize(
    ("scales", "told"),
    [((0.5, 0.5001), False), ((0.5, 0.6), True), ((0.5, None), True), ((None, 0.5), True), ((None, None), False)],
)  # fmt: skip
def test_the_page_of_a_product_says_when_its_pictures_differ_in_scale(
    scales: tuple[float | None, ...], told: bool, merchant: Merchant, viewer: Client
) -> None:
    assert ("made at different scales" in page_of(viewer, product_with(merchant, *scales))) is told


def test_a_photo_that_is_no_longer_shown_has_no_say(merchant: Merchant, viewer: Client) -> None:
    photos = product_with(merchant, 0.5, 0.5, 0.9)
    Photo.objects.filter(pk=photos[2].pk).update(present=False)
    assert "made at different scales" not in page_of(viewer, photos)


def test_an_owner_renders_one_product_again_and_a_double_click_is_one_batch(
    merchant: Merchant, owner: Client
) -> None:
    photos = product_with(merchant, 0.5, 0.6)
    found = re.search(r'name="key" value="([a-f0-9]{32})"', page_of(owner, photos))
    assert found is not None
    address = reverse("dashboard:product-again", args=[photos[0].product_id])
    told = [owner.post(address, {"key": found[1]}, follow=True).content.decode() for _ in range(2)]
    assert "2 photos of this product are being rendered" in told[0]
    assert "This was started before." in told[1]
    batch = Batch.objects.get(workspace=merchant.workspace, idempotency_key=found[1])
    assert set(Job.objects.filter(batch=batch).values_list("photo", flat=True)) == {p.pk for p in photos}


def test_only_an_owner_is_offered_to_render_a_product_again(merchant: Merchant, reviewer: Client) -> None:
    assert "Render this product again" not in page_of(reviewer, product_with(merchant, 0.5))
