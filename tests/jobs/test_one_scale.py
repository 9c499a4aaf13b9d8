"""A merchant shows a product from several sides and wants it equally large in all pictures."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.flow import flow
from apps.jobs.filters import Filter
from apps.jobs.models import Attempt, Job, JobInput, JobState, Worker
from apps.jobs.services import leases, planning
from apps.jobs.services.again import Marks
from apps.recipes import selectors as recipe_selectors
from apps.recipes import services as recipes
from apps.recipes.models import Recipe, RecipeVersion
from apps.review.models import Decision, Item, ItemState
from connectors.errors import Unavailable
from gpu_worker.contract import GROUP_MAX, ROLE_GROUP
from tests.flow.test_the_way_of_one_photo import settle
from tests.shopkeeping import TASKS, Shop, photo

FRONT, SIDE, BACK = photo("#2b4a7f", 160), photo("#2b4a7f", 320), photo("#2b4a70", 200)


def shared(shop: Shop, on: bool = True) -> RecipeVersion:
    return recipes.share_scale(Recipe.objects.get(workspace=shop.workspace), one_scale=on, by="test")


@pytest.fixture
def consistent(shop: Shop) -> Shop:
    """A shop whose automatic recipe wants one scale for a product."""
    shared(shop)
    return shop


def group_of(job: Job) -> list[JobInput]:
    return list(job.inputs.filter(role=ROLE_GROUP))


def scales(jobs: list[Job]) -> set[float | None]:
    return {job.render.measures.get("group_scale") for job in jobs if job.render}


def sell_and_work(shop: Shop, title: str, *photos: bytes) -> str:
    product = shop.sell(title, *photos)
    shop.deliver()
    shop.work()
    return product


def test_all_photos_of_a_new_product_come_out_at_one_scale(consistent: Shop) -> None:
    sell_and_work(consistent, "Shoe", FRONT, SIDE, BACK)
    jobs = consistent.jobs()
    assert [job.state for job in jobs] == [JobState.DONE] * 3
    assert len(scales(jobs)) == 1 and None not in scales(jobs)
    sizes = [m["product_height_px"] * m["scale"] for m in (job.render.measures for job in jobs if job.render)]
    assert sizes[0] / sizes[1] == pytest.approx(160 / 320, abs=0.02)
    assert sizes[2] / sizes[1] == pytest.approx(200 / 320, abs=0.02)
    assert {item.state for item in consistent.items()} == {ItemState.APPROVED}, (
        "a product that is meant to be smaller is no fault"
    )


def test_recipes_that_do_not_ask_for_it_are_asked_for_as_ever(shop: Shop) -> None:
    """What lies in the cache stays good."""
    sell_and_work(shop, "Shoe", FRONT, SIDE)
    for job in shop.jobs():
        [only] = job.inputs.all()
        assert only.role == "main" and "consistent" not in job.recipe["framing"]
    before = [job.request for job in shop.jobs()]
    shared(shop)
    version = shared(shop, on=False)
    flow.regenerate(shop.store, version, name="Again", key="k", by="test")
    shop.work()
    assert [job.request for job in shop.jobs()[2:]] == before


def test_a_product_with_one_photo_is_rendered_by_itself(consistent: Shop) -> None:
    sell_and_work(consistent, "Cup", FRONT)
    [job] = consistent.jobs()
    assert group_of(job) == [] and job.render and job.render.measures["fill"] == pytest.approx(0.85, abs=0.02)


def test_other_products_have_no_say(consistent: Shop) -> None:
    sell_and_work(consistent, "Shoe", FRONT, BACK)
    sell_and_work(consistent, "Boot", SIDE, photo("#222222", 300))
    shoe, boot = consistent.jobs()[:2], consistent.jobs()[2:]
    assert scales(shoe) != scales(boot)
    version = recipe_selectors.automatic(consistent.workspace.pk)
    assert version is not None
    flow.regenerate(consistent.store, version, name="All", key="k", by="test")
    consistent.work()
    assert scales(consistent.jobs()[4:]) == scales(shoe) | scales(boot)


def test_a_worker_that_died_half_way_changes_nothing_about_the_scale(consistent: Shop) -> None:
    consistent.sell("Shoe", FRONT, SIDE)
    consistent.deliver()
    consistent.carry()
    first, _ = consistent.hand_out()
    for result in consistent.render(first):
        flow.resulted(result.to_dict())
    Attempt.objects.filter(state="dispatched").update(lease_until=timezone.now())
    leases.expire(then=flow.rendered)
    consistent.work()
    assert [job.state for job in consistent.jobs()] == [JobState.DONE] * 2
    assert len(scales(consistent.jobs())) == 1


def test_the_same_product_again_is_answered_from_the_cache(consistent: Shop) -> None:
    sell_and_work(consistent, "Shoe", FRONT, SIDE)
    consistent.beat()
    Worker.objects.update(engines=consistent.jobs()[0].render.engines)
    version = recipe_selectors.automatic(consistent.workspace.pk)
    assert version is not None
    flow.regenerate(consistent.store, version, name="Again", key="k", by="test")
    consistent.work()
    assert consistent.rendered == 2 and all(job.cached for job in consistent.jobs()[2:])


def test_a_photo_that_is_no_picture_fails_alone_and_the_others_share_their_scale(consistent: Shop) -> None:
    sell_and_work(consistent, "Shoe", FRONT, b"no pixels here", SIDE)
    front, broken, side = consistent.jobs()
    assert (front.state, broken.state, side.state) == (JobState.DONE, JobState.FAILED, JobState.DONE)
    assert len(scales([front, side])) == 1
    assert front.render and front.render.measures["group_unreadable"] == 1


def test_a_photo_that_the_store_no_longer_has_is_left_out(consistent: Shop) -> None:
    product = consistent.sell("Shoe", FRONT, SIDE)
    gone = consistent.image_ids(product)[1]
    consistent.deliver()
    del consistent.remote.media[gone]
    consistent.work()
    front, side = consistent.jobs()
    assert (front.state, side.state) == (JobState.DONE, JobState.FAILED)
    assert front.render and front.render.measures["group_unreadable"] == 1


@pytest.mark.parametrize(("last_try", "state"), [(False, "preparing"), (True, "queued")])
def test_a_store_that_is_down_is_waited_for_before_a_photo_is_left_out(
    consistent: Shop, last_try: bool, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    consistent.sell("Shoe", FRONT, SIDE)
    consistent.deliver()
    while consistent.wire and consistent.wire[0][0] != "flow.prepare":
        task, args = consistent.wire.pop(0)
        TASKS[task](*args)
    monkeypatch.setattr(flow, "MAX_PREPARE_TRIES", 1 if last_try else 6)
    keep = planning.catalog.keep_original

    def only_the_front(row, connector):  # type: ignore[no-untyped-def]
        if row.position == 1:
            raise Unavailable("503")
        return keep(row, connector)

    monkeypatch.setattr(planning.catalog, "keep_original", only_the_front)
    flow.prepared(*consistent.wire[0][1])
    assert consistent.jobs()[0].state == state


def test_one_more_photo_is_rendered_at_the_scale_of_what_is_shown_now(consistent: Shop) -> None:
    product = consistent.sell("Shoe", FRONT, SIDE)
    settle(consistent)
    larger = consistent.remote.add_media(photo("#803030", 480), "above.jpg")
    shown = consistent.remote.products[product].images
    consistent.remote.change_product(product, images=(*shown, larger), title="Shoe, from above too")
    settle(consistent)
    newest = consistent.jobs()[-1]
    assert len(consistent.jobs()) == 3, "the pictures that are live are not written anew behind one's back"
    assert [i.photo_id for i in group_of(newest)] == sorted({j.photo_id for j in consistent.jobs()})
    version = recipe_selectors.automatic(consistent.workspace.pk)
    assert version is not None
    only = Filter(products=(newest.photo.product_id,))
    flow.regenerate(consistent.store, version, name="Shoe", key="k", by="test", only=only)
    consistent.work()
    assert len(scales(consistent.jobs()[2:])) == 1


def test_a_product_with_very_many_photos_is_measured_by_its_first_ones(consistent: Shop) -> None:
    photos = [photo(f"#{n:02x}4a7f", 160) for n in range(GROUP_MAX + 2)]
    consistent.sell("Shoe", *photos)
    consistent.deliver()
    consistent.carry()
    groups = [[i.photo_id for i in group_of(job)] for job in consistent.jobs()]
    assert len(groups) == GROUP_MAX + 2
    assert all(group == groups[0] and len(group) == GROUP_MAX for group in groups)


@pytest.fixture
def doubted(consistent: Shop) -> Item:
    """The side view waits for a person."""
    sell_and_work(consistent, "Shoe", FRONT, SIDE)
    item = consistent.items()[1]
    Item.objects.filter(pk=item.pk).update(state=ItemState.PENDING, verdict="review")
    Decision.objects.filter(item=item).delete()
    return item


def test_what_a_person_marked_in_one_view_is_told_to_the_jobs_of_all(consistent: Shop, doubted: Item) -> None:
    marks = Marks(box=(0.2, 0.15, 0.8, 0.85))
    asked = flow.marked(doubted, marks, by="user:1")
    consistent.work()
    version = recipe_selectors.automatic(consistent.workspace.pk)
    assert version is not None
    flow.regenerate(consistent.store, version, name="Again", key="k", by="test")
    consistent.carry()
    front, side = consistent.jobs()[-2:]
    for job in (asked, front, side):
        assert [i.cutout for i in group_of(job)] == [{}, marks.as_table()]
    assert front.parameters == {} and side.parameters == {"cutout": marks.as_table()}
    assert front.request != consistent.jobs()[0].request, "the marks key the cache of its sisters, too"


def test_a_hint_that_the_recipe_gives_for_every_photo_reaches_those_that_are_only_measured(
    consistent: Shop, doubted: Item
) -> None:
    recipe = Recipe.objects.get(workspace=consistent.workspace)
    body = {**recipe.versions.latest("number").body, "cutout": {"keep_holes": True}}
    version = recipes.add_version(recipe, body=body, by="test")
    flow.regenerate(consistent.store, version, name="Again", key="k", by="test")
    consistent.carry()
    assert [i.cutout for i in group_of(consistent.jobs()[-1])] == [{"keep_holes": True}] * 2
