"""Which photos a merchant means: each field of a filter, on real rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from apps.catalog.models import Photo
from apps.jobs.filters import Filter
from apps.lib.errors import BadRequest
from apps.review.selectors import judged
from apps.stores.models import Store
from tests import factories


@pytest.fixture
def store(db: None, storage_root: Any) -> Store:
    return factories.StoreFactory()


def photo(store: Store, title: str, **product: Any) -> Photo:
    of_photo = {k: product.pop(k) for k in ("alt", "position", "variant") if k in product}
    row = factories.ProductFactory(store=store, title=title, **product)
    return factories.PhotoFactory(product=row, **of_photo)


def meant(store: Store, **fields: Any) -> list[str]:
    found = Filter.from_json(fields).photos(store.pk, judged)
    return sorted(p.product.title for p in found)


def test_an_empty_filter_means_everything_of_this_store_only(store: Store) -> None:
    photo(store, "Mug")
    photo(factories.StoreFactory(), "Of another shop")
    assert meant(store) == ["Mug"]


def test_categories_tags_types_and_brands_narrow_it(store: Store) -> None:
    photo(store, "Mug", categories=["Kitchen", "Mugs"], tags=["blue"], vendor="Kiln & Co", type="simple")
    photo(store, "Cup", categories=["Kitchen"], tags=["red"], vendor="Other", type="variable")
    photo(store, "Lamp", categories=["Light"])
    assert meant(store, categories=["Mugs", "Light"]) == ["Lamp", "Mug"]
    assert meant(store, categories=["Kitchen"], tags=["red"]) == ["Cup"]
    assert meant(store, vendors=["Kiln & Co"]) == ["Mug"]
    assert meant(store, types=["variable"]) == ["Cup"]
    assert meant(store, categories=["Mug"]) == []


def test_attributes_narrow_it_one_option_of_each_name_is_enough(store: Store) -> None:
    photo(store, "Red M", attributes={"Colour": ["Red"], "Size": ["M"]})
    photo(store, "Blue L", attributes={"Colour": ["Blue", "Navy"], "Size": ["L"]})
    photo(store, "Red L", attributes={"Colour": ["Red"], "Size": ["L"]})
    photo(store, "Odd", attributes={"Fits: loosely": ["Waist: 30"]})
    photo(store, "Not told", attributes=None)
    assert meant(store, attributes=["Colour: Red"]) == ["Red L", "Red M"]
    assert meant(store, attributes=["Colour: Red", "Colour: Navy"]) == ["Blue L", "Red L", "Red M"]
    assert meant(store, attributes=["Colour: Red", "Size: L"]) == ["Red L"]
    assert meant(store, attributes=["Fits: loosely: Waist: 30"]) == ["Odd"]
    assert meant(store, attributes=["Size: Red"]) == []


def test_what_is_on_sale_can_be_told_apart(store: Store) -> None:
    photo(store, "Reduced", on_sale=True)
    photo(store, "Not reduced", on_sale=False)
    photo(store, "Not told", on_sale=None)
    assert meant(store, on_sale=True) == ["Reduced"]


@pytest.mark.parametrize("written", ["Colour", "Colour:Red", ": Red", "Colour: "])
def test_an_attribute_is_written_with_its_option(written: str) -> None:
    with pytest.raises(BadRequest, match="name: option"):
        Filter.from_json({"attributes": [written]})


def test_a_picture_of_a_variant_is_never_the_main_photo(store: Store) -> None:
    row = photo(store, "Only variants have pictures", position=0, variant="7")
    assert list(Filter().photos(store.pk)) == [row]
    assert not Filter(main_photo_only=True).photos(store.pk).exists()


def test_photos_without_alt_text_and_main_photos(store: Store) -> None:
    mug = photo(store, "Mug", alt="")
    factories.PhotoFactory(product=mug.product, position=1, alt="The back")
    assert Filter(missing_alt=True).photos(store.pk).get() == mug
    assert Filter(main_photo_only=True).photos(store.pk).get() == mug
    assert Filter(products=(mug.product_id,)).photos(store.pk).count() == 2


def test_what_was_rendered_when_and_with_what(store: Store) -> None:
    old = factories.RecipeVersionFactory(recipe__workspace=store.workspace)
    newer = factories.RecipeVersionFactory(recipe=old.recipe, number=2)
    long_ago = timezone.now() - dt.timedelta(days=90)
    factories.JobFactory(photo=photo(store, "Old"), recipe_version=old, done=True, finished_at=long_ago)
    factories.JobFactory(photo=photo(store, "New"), recipe_version=newer, done=True)
    factories.JobFactory(photo=photo(store, "Torn"), recipe_version=newer, failed=True)
    photo(store, "Untouched")
    assert meant(store, never_rendered=True) == ["Torn", "Untouched"]
    assert meant(store, older_than_days=30) == ["Old"]
    assert meant(store, recipe_behind=True) == ["Old"]
    assert meant(store, not_rendered_well=True) == ["Torn"]


def test_what_reviewers_said(store: Store) -> None:
    states = {"Waits": "pending", "Refused": "rejected", "Fine": "approved"}
    for title, state in states.items():
        verdict = "approve" if state == "approved" else "review"
        job = factories.JobFactory(photo=photo(store, title), done=True)
        factories.ItemFactory(job=job, state=state, verdict=verdict)
    assert meant(store, judged="waiting") == ["Waits"]
    assert meant(store, judged="rejected") == ["Refused"]
    assert meant(store, judged="doubted") == ["Refused", "Waits"]
    with pytest.raises(BadRequest, match="reviewers"):
        Filter(judged="waiting").photos(store.pk)


def test_one_of_several_is_enough_inside_any(store: Store) -> None:
    photo(store, "No alt", alt="", categories=["Mugs"])
    photo(store, "Other category, no alt", alt="")
    factories.JobFactory(photo=photo(store, "Done", categories=["Mugs"]), done=True)
    photo(store, "Never done", categories=["Mugs"])
    wanted = {"categories": ["Mugs"], "any": [{"missing_alt": True}, {"never_rendered": True}]}
    assert meant(store, **wanted) == ["Never done", "No alt"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"colour": "red"}, "no field 'colour'"),
        ({"any": [{"any": []}]}, "no field 'any' inside any"),
        ({"any": [{}]}, "says nothing"),
        ({"categories": "Mugs"}, "categories is a list of names"),
        ({"categories": [""]}, "categories is a list of names"),
        ({"products": [True]}, "products: True is not"),
        ({"products": list(range(1, 1002))}, "at most 1000"),
        ({"older_than_days": -1}, "older_than_days: -1"),
        ({"older_than_days": 10**9}, "older_than_days is at most"),
        ({"missing_alt": 1}, "missing_alt is true or false"),
        ({"judged": "bad"}, "judged is one of"),
        ({"judged": ["bad"]}, "judged is one of"),
        (["categories"], "an object"),
    ],
)
def test_a_filter_that_can_not_be_meant_is_refused_by_name(data: Any, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        Filter.from_json(data)


def test_a_filter_comes_back_from_json_as_it_was() -> None:
    data = {"categories": ["A", "B"], "older_than_days": 3, "any": [{"missing_alt": True}]}
    assert Filter.from_json(data).as_json() == data
    assert Filter().as_json() == {}
