"""What a person marked in a photo holds for its later pictures, until the photo changes or the person takes it back."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.utils import timezone

from apps.audit.models import Event
from apps.catalog.models import Photo
from apps.flow import flow
from apps.jobs import selectors
from apps.jobs.models import Job, PhotoMarks, Worker
from apps.jobs.services import marks as kept
from apps.jobs.services.again import Marks
from apps.recipes import selectors as recipes
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from apps.review import services as review
from apps.review.models import Item, ItemState
from tests.shopkeeping import Shop, photo

BOX = Marks(box=(0.2, 0.15, 0.8, 0.85))
OTHER = Marks(points=((0.5, 0.5, True),))


def regenerate(shop: Shop, key: str = "again") -> Job:
    version = recipes.automatic(shop.workspace.pk)
    assert version is not None
    flow.regenerate(shop.store, version, name="Again", key=key, by="test")
    shop.work()
    return shop.jobs()[-1]


def of(job: Job) -> dict:
    return job.parameters.get("cutout", {})


def test_a_later_regenerate_of_the_photo_uses_the_marks(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    job = regenerate(shop)
    assert of(job) == BOX.as_table() and job.recipe["cutout"]["box"] == [0.2, 0.15, 0.8, 0.85]
    assert job.request != doubted.job.request, "the marks key the cache"


def test_the_same_marks_and_recipe_are_answered_from_the_cache(shop: Shop, doubted: Item) -> None:
    asked = flow.marked(doubted, BOX, by="user:1")
    shop.work()
    shop.beat()
    asked.refresh_from_db()
    assert asked.render is not None
    Worker.objects.update(engines=asked.render.engines)
    job = regenerate(shop)
    assert job.cached and job.render_id == asked.render_id


def test_a_new_recipe_uses_them_too(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    recipe = Recipe.objects.get(workspace=shop.workspace)
    add_version(recipe, body={**recipe.versions.get().body, "shadow": {"kind": "none"}}, by="test")
    job = regenerate(shop)
    assert of(job) == BOX.as_table() and job.recipe["shadow"] == {"kind": "none"}


def test_the_last_marks_win_even_if_they_were_set_before(shop: Shop, doubted: Item) -> None:
    for marks in (BOX, OTHER, BOX):
        flow.marked(doubted, marks, by="user:1")
    shop.work()
    assert of(regenerate(shop)) == BOX.as_table()


def test_a_photo_that_was_exchanged_starts_without_marks(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    other = shop.remote.add_media(photo("#803030"), "other.jpg")
    Photo.objects.filter(pk=doubted.job.photo_id).update(
        revision=2, sha256="", key="", src=other.src, present=True
    )
    job = regenerate(shop)
    assert job.photo == doubted.job.photo
    assert job.inputs.get().sha256 != doubted.job.inputs.get().sha256
    assert of(job) == {}


def test_a_photo_that_is_exchanged_back_has_its_marks_again(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    Photo.objects.filter(pk=doubted.job.photo_id).update(revision=3)
    assert of(regenerate(shop)) == BOX.as_table()


def test_marks_in_one_photo_say_nothing_of_another(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.sell("Jug", photo("#803030"))
    shop.deliver()
    shop.work()
    assert of(shop.jobs()[-1]) == {}


def test_a_person_takes_the_marks_back(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    seen = doubted.job.photo
    seen.refresh_from_db()
    assert kept.forget(seen, by="user:2") and not kept.forget(seen, by="user:2")
    assert selectors.kept_marks(seen) is None
    job = regenerate(shop)
    assert of(job) == {} and job.request == doubted.job.request
    [event] = Event.objects.filter(verb="marks.forgotten")
    assert (event.actor, event.detail.body["marked"]) == ("user:2", "a box around the product")


def test_marks_that_nobody_saw_the_outcome_of_are_shown_to_a_person_first(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    regenerate(shop)
    item = shop.items()[-1]
    assert item.state == ItemState.PENDING and "marked in this photo before" in item.reasons[0]


def test_once_a_picture_with_the_marks_was_approved_policy_judges_as_ever(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    review.decide(shop.items()[-1], approved=True, user=shop.owner, actor="user:1")
    regenerate(shop)
    assert shop.items()[-1].state == ItemState.APPROVED


def test_marks_of_the_time_before_they_were_kept_are_found(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, OTHER, by="user:1")
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    PhotoMarks.objects.all().delete()
    migration = import_module("apps.jobs.migrations.0004_earlier_marks_are_kept_too")
    migration.keep_earlier_marks(apps, None)
    [row] = PhotoMarks.objects.all()
    assert (row.cutout, row.photo_id) == (BOX.as_table(), doubted.job.photo_id)
    assert row.set_at < timezone.now() and of(regenerate(shop)) == BOX.as_table()
