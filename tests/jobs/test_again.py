"""A person marks the product in a photo: another picture is made, the one there is stays until the new is approved."""

from __future__ import annotations

from typing import Any

import pytest

from apps.audit.models import Event
from apps.flow import flow
from apps.jobs.models import Job, JobState, Lane
from apps.jobs.services import planning
from apps.jobs.services.again import Marks, said
from apps.lib.errors import BadRequest, LostRace
from apps.recipes.models import RecipeVersion
from apps.review import services as review
from apps.review.models import Decision, Item
from gpu_worker import recipe
from tests.shopkeeping import Shop, photo

BOX = Marks(box=(0.2, 0.15, 0.8, 0.85))


def state_of(item: Item) -> str:
    return Item.objects.get(pk=item.pk).state


def test_the_marks_reach_the_worker_ahead_of_other_work_and_the_recipe_stays_as_it_was(
    shop: Shop, doubted: Item
) -> None:
    before = dict(doubted.job.recipe_version.body)
    job = flow.marked(doubted, Marks((0.2, 0.15, 0.8, 0.85), ((0.5, 0.5, True),), True), by="user:1")
    shop.carry()
    [chunk] = shop.hand_out()
    asked = recipe.parse(chunk.recipe)
    assert (asked.cutout.box, asked.cutout.clicks) == ((0.2, 0.15, 0.8, 0.85), ((0.5, 0.5, True),))
    assert asked.cutout.keep_holes is True
    assert asked.framing.canvas_px == (200, 200)
    job.refresh_from_db()
    assert (job.lane, job.instead_of) == (Lane.URGENT, doubted.job)
    assert job.recipe_version == doubted.job.recipe_version and job.recipe_version.body == before


def test_the_new_picture_comes_back_to_the_person_however_sure_the_engine_is(
    shop: Shop, doubted: Item
) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    old, new = shop.items()
    assert (state_of(old), new.state) == ("pending", "pending")
    assert "a person marked" in new.reasons[0]
    assert new.render_id != old.render_id, "the marks key the cache"


def test_the_picture_before_stays_until_the_new_one_is_approved(shop: Shop, doubted: Item) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    _, second = shop.items()
    flow.marked(second, Marks((0.2, 0.15, 0.8, 0.85), ((0.1, 0.1, False),)), by="user:1")
    shop.work()
    _, _, third = shop.items()
    review.decide(second, approved=False, user=shop.owner, actor="user:1")
    assert state_of(doubted) == "pending", "a new picture that is no better changes nothing"
    review.decide(third, approved=True, user=shop.owner, actor="user:1")
    assert state_of(doubted) == "rejected"
    assert Decision.objects.get(item=doubted).note == "a newer cut-out was approved instead"


def test_the_same_marks_twice_are_one_job_and_other_marks_are_another(shop: Shop, doubted: Item) -> None:
    first = flow.marked(doubted, BOX, by="user:1")
    assert flow.marked(doubted, BOX, by="user:2") == first
    assert flow.marked(doubted, Marks(keep_holes=True), by="user:1") != first
    assert Event.objects.filter(verb="cutout.asked").count() == 2
    assert len([task for task, _ in shop.wire if task == "flow.prepare"]) == 2


def test_marks_whose_job_failed_can_be_asked_for_again(shop: Shop, doubted: Item) -> None:
    first = flow.marked(doubted, BOX, by="user:1")
    planning.cancel(first, by="user:1")
    assert flow.marked(doubted, BOX, by="user:1") != first


def test_the_same_marks_on_a_later_picture_of_the_same_photo_are_answered_from_the_cache(
    shop: Shop, doubted: Item
) -> None:
    flow.marked(doubted, BOX, by="user:1")
    shop.work()
    shop.beat()
    _, second = shop.items()
    type(second.job.render).objects.update(engines={})
    job = flow.marked(second, BOX, by="user:1")
    shop.work()
    job.refresh_from_db()
    assert job.cached and job.render_id == second.render_id


def test_jobs_with_and_without_marks_never_share_a_message(shop: Shop, doubted: Item) -> None:
    other = Job.objects.get(pk=flow.marked(doubted, Marks(keep_holes=False), by="user:1").pk)
    marked = flow.marked(doubted, BOX, by="user:1")
    shop.carry()
    assert {Job.objects.get(pk=j.pk).state for j in (other, marked)} == {JobState.QUEUED}
    from apps.jobs.services import dispatch

    handed = dispatch.claim(lane="urgent", capability="cpu", region=shop.store.region, limit=8)
    assert handed is not None and len(handed.chunk.jobs) == 1
    assert handed.chunk.recipe["cutout"]["keep_holes"] is False


def test_an_approved_picture_is_not_cut_out_again_behind_ones_back(shop: Shop, doubted: Item) -> None:
    review.decide(doubted, approved=True, user=shop.owner, actor="user:1")
    with pytest.raises(LostRace, match="already approved"):
        flow.marked(doubted, BOX, by="user:1")


def test_marks_on_a_photo_that_was_exchanged_since_are_refused(shop: Shop, doubted: Item) -> None:
    type(doubted.job.photo).objects.update(revision=2)
    with pytest.raises(BadRequest, match="exchanged"):
        flow.marked(doubted, BOX, by="user:1")
    assert Job.objects.filter(instead_of__isnull=False).count() == 0


@pytest.mark.parametrize(
    ("marks", "word"),
    [
        (Marks(), "Draw a box"),
        (Marks(box=(0.5, 0.1, 0.5, 0.9)), "too thin"),
        (Marks(box=(0.6, 0.1, 0.2, 0.9)), "too thin"),
        (Marks(box=(0.1, 0.1, 1.2, 0.9)), "inside the photo"),
        (Marks(points=((0.5, -0.1, True),)), "inside the photo"),
        (Marks(points=((float("nan"), 0.1, True),)), "inside the photo"),
        (Marks(box=(0.1, 0.1, 0.4, 0.9), points=((0.5, 0.5, True),)), "outside the box"),
        (Marks(points=((0.5, 0.5, True),) * 65), "At most 64"),
    ],
)
def test_marks_that_can_not_be_meant_are_refused_with_a_reason(marks: Marks, word: str) -> None:
    with pytest.raises(BadRequest, match=word):
        marks.check()


@pytest.mark.parametrize(
    "marks",
    [BOX, Marks(points=((0.0, 1.0, False),)), Marks(keep_holes=False), Marks((0, 0, 1, 1), ((0.5, 0.5, True),), True)],
)  # fmt: skip
def test_whatever_marks_pass_here_the_worker_understands(marks: Marks) -> None:
    marks.check()
    assert recipe.parse({"cutout": marks.as_table()}).cutout.box == marks.box


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (Marks(), ""),
        (BOX, "a box around the product"),
        (
            Marks(points=((0.1, 0.1, True), (0.2, 0.2, True), (0.9, 0.9, False))),
            "2 points on the product, 1 point beside it",
        ),
        (Marks(keep_holes=False), "openings belong to the product"),
        (Marks(see_through=True), "it is see-through"),
        (Marks(BOX.box, see_through=False), "a box around the product, it is not see-through"),
    ],
)
def test_marks_are_told_in_words(marks: Marks, words: str) -> None:
    assert said(marks.as_table()) == words


def test_a_person_says_that_it_is_glass_and_the_worker_hears_it(shop: Shop, doubted: Item) -> None:
    job = flow.marked(doubted, Marks(see_through=True), by="user:1")
    shop.carry()
    [chunk] = shop.hand_out()
    assert recipe.parse(chunk.recipe).cutout.see_through is True
    job.refresh_from_db()
    assert job.request != doubted.job.request, "it keys the cache"


def test_whether_it_is_glass_is_another_picture_than_not_saying_so(shop: Shop, doubted: Item) -> None:
    requests = set()
    for marks in (BOX, Marks(BOX.box, see_through=True), Marks(BOX.box, see_through=False)):
        job = flow.marked(doubted, marks, by="user:1")
        shop.work()
        job.refresh_from_db()
        requests.add(job.request)
    assert len(requests) == 3


def test_marks_that_say_nothing_of_glass_ask_for_what_they_always_asked_and_leave_it_to_the_recipe() -> None:
    assert set(BOX.as_table()) == {"box", "clicks", "keep_holes"}
    job = Job(parameters={"cutout": BOX.as_table()})
    job.recipe_version = RecipeVersion(body={"cutout": {"see_through": True}})
    assert job.recipe["cutout"]["see_through"] is True
    job.parameters = {"cutout": Marks(BOX.box, see_through=False).as_table()}
    assert job.recipe["cutout"]["see_through"] is False


def test_a_job_without_marks_asks_for_what_it_always_asked(shop: Shop) -> None:
    """Adding marks to the house must not throw away what lies in the cache."""
    shop.sell("Mug", photo())
    shop.deliver()
    shop.carry()
    [job] = shop.jobs()
    body: dict[str, Any] = {k: v for k, v in job.recipe_version.body.items() if k != "review"}
    assert job.recipe == body and job.parameters == {}
