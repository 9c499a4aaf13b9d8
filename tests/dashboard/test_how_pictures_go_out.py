"""The recipes page says what a picture does to a product; the review desk may say otherwise for one picture."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from apps.publishing.models import Mode, Publication
from apps.recipes.models import RecipeVersion
from tests.dashboard.merchants import Merchant

USUAL = {"mode": "replace", "file_name": "{photo}", "alt": "{alt}", "title": "{product}", "caption": ""}


def say(client: Client, merchant: Merchant, **changed: str) -> str:
    address = reverse("dashboard:recipe-publish", args=[merchant.version.recipe_id])
    return client.post(address, {**USUAL, **changed}, follow=True).content.decode()


def newest(merchant: Merchant) -> RecipeVersion:
    return merchant.version.recipe.versions.latest("number")


def test_another_mode_and_pattern_are_a_new_version_that_the_page_tells(
    merchant: Merchant, owner: Client
) -> None:
    html = say(owner, merchant, mode="first", file_name="{vendor} {product}")
    assert "has version 2 now" in html
    assert newest(merchant).body["publish"] == {"mode": "first", "file_name": "{vendor} {product}"}
    assert "becomes the first picture" in html and "{vendor} {product}" in html
    assert "has version 3 now" in say(owner, merchant), "and back"
    assert "publish" not in newest(merchant).body


def test_what_is_as_usual_changes_nothing(merchant: Merchant, owner: Client) -> None:
    assert "stays as it is" in say(owner, merchant)
    assert newest(merchant) == merchant.version


def test_a_pattern_with_a_word_that_nobody_knows_says_which_there_are(
    merchant: Merchant, owner: Client
) -> None:
    html = say(owner, merchant, alt="{colour}")
    assert "{colour} is not known; there is product, sku" in html
    assert newest(merchant) == merchant.version


def test_a_person_at_the_desk_puts_one_picture_first(merchant: Merchant, owner: Client) -> None:
    item = merchant.waiting
    desk = owner.get(reverse("dashboard:review-item", args=[item.pk])).content.decode()
    assert '<option value="replace" selected>' in desk
    owner.post(reverse("dashboard:decide", args=[item.pk]), {"decision": "approve", "mode": "first"})
    assert Publication.objects.get(item=item).mode == Mode.FIRST


def test_a_mode_that_there_is_not_is_refused_and_nothing_is_decided(
    merchant: Merchant, owner: Client
) -> None:
    item = merchant.waiting
    answer = owner.post(
        reverse("dashboard:decide", args=[item.pk]), {"decision": "approve", "mode": "sideways"}
    )
    assert answer.status_code == 409 and "sideways" in answer.content.decode()
    item.refresh_from_db()
    assert item.state == "pending"
