"""Cut-outs are made once per photo, whatever recipes ask for it; pictures that are there are not made again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.flow import batching, flow
from apps.jobs.models import Attempt, Batch, Job, JobState, Matte
from apps.jobs.services import mattes
from apps.jobs.services.again import Marks
from apps.recipes import services as recipes
from apps.recipes.models import RecipeVersion
from apps.recipes.selectors import automatic
from apps.usage import selectors as usage
from apps.usage.models import Record
from gpu_worker.engines.fake import FakeEngine
from tests import factories
from tests.shopkeeping import Shop, photo

TOLD = (
    {"backdrop": {"kind": "solid", "color": "#c0d0e0"}},
    {"framing": {"canvas_px": [300, 500], "fill": 0.6}},
    {"shadow": {"kind": "none"}, "output": {"format": "webp"}},
)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that an engine is asked where the product is."""
    asked: list[int] = []
    cutout = FakeEngine.cutout
    monkeypatch.setattr(FakeEngine, "cutout", lambda *args: asked.append(1) or cutout(*args))
    return asked


@pytest.fixture
def worked(shop: Shop, searches: list[int]) -> Shop:
    shop.sell("Mug", photo("#2b4a7f"))
    shop.deliver()
    shop.work()
    assert len(searches) == 1
    return shop


def with_recipe(shop: Shop, **changes: Any) -> Batch:
    version = automatic(shop.workspace.pk)
    assert version is not None
    name = f"Recipe {RecipeVersion.objects.count()}"
    version = recipes.create(shop.workspace, name=name, body={**version.body, **changes}, by="test")
    batch, added = batching.start(batching.wish(shop.store, version), name=name, key=name, by="test")
    assert added
    shop.work()
    return batch


def test_other_recipes_of_a_photo_use_the_cutout_that_is_there(
    worked: Shop, searches: list[int], storage_root: Path
) -> None:
    for changes in TOLD:
        with_recipe(worked, **changes)
    assert len(searches) == 1, "the engine was asked once for four recipes"
    assert [a.cutout for a in Attempt.objects.order_by("pk")] == ["made", "reused", "reused", "reused"]
    [kept] = Matte.objects.all()
    assert kept.uses == 3 and kept.store == worked.store and kept.size_bytes > 0
    assert kept.key.startswith(f"{worked.workspace.pk}/{worked.store.pk}/mattes/")
    assert (storage_root / kept.key).stat().st_size == kept.size_bytes
    assert usage.recently(worked.workspace.pk).matte_hit_share == 0.75
    assert [r.cutout for r in Record.objects.order_by("pk")] == ["made", "reused", "reused", "reused"]


def test_a_new_photo_and_what_a_person_marks_need_a_new_cutout(worked: Shop, searches: list[int]) -> None:
    [item] = worked.items()
    type(item).objects.update(state="pending", verdict="review")
    flow.marked(worked.items()[0], Marks(box=(0.1, 0.1, 0.9, 0.9)), by="user:1")
    worked.work()
    assert len(searches) == 2
    worked.sell("Bowl", photo("#7f2b4a"))
    worked.deliver()
    worked.work()
    assert len(searches) == 3 and Matte.objects.count() == 3


def test_two_stores_keep_their_cutouts_apart(worked: Shop, storage_root: Path, monkeypatch) -> None:
    from tests.conftest import on_the_wire
    from tests.shopkeeping import open_shop

    other = open_shop(worked.storage_url)
    on_the_wire(other, monkeypatch)
    other.sell("Mug", photo("#2b4a7f"))
    other.deliver()
    other.work()
    assert len({m.store_id for m in Matte.objects.all()}) == 2


def test_a_cutout_of_no_use_for_long_is_thrown_away_and_made_again(
    worked: Shop, searches: list[int], storage_root: Path
) -> None:
    assert mattes.forget_unused() == 0
    [kept] = Matte.objects.all()
    Matte.objects.update(used_at=timezone.now() - dt.timedelta(days=mattes.UNUSED_DAYS + 1))
    assert mattes.forget_unused() == 1
    assert not (storage_root / kept.key).exists() and not Matte.objects.exists()
    with_recipe(worked, **TOLD[0])
    assert len(searches) == 2 and Matte.objects.count() == 1


def test_a_worker_can_not_have_a_file_of_another_store_thrown_away(worked: Shop) -> None:
    from gpu_worker.contract import KeptMatte

    [job] = worked.jobs()
    Matte.objects.all().delete()
    mattes.note(mattes.Found(job, KeptMatte("1/1/originals/x", 5, False), "x/1", counts=True))
    assert not Matte.objects.exists()


def test_a_catalogue_in_which_nothing_changed_is_regenerated_without_rendering(
    worked: Shop, searches: list[int]
) -> None:
    first = with_recipe(worked, **TOLD[0])
    [job] = Job.objects.filter(batch=first)
    factories.WorkerFactory(region=worked.store.region, engines=job.render.engines)
    before, attempts = worked.rendered, Attempt.objects.count()
    asked = batching.wish(worked.store, first.recipe_version)
    again, added = batching.start(asked, name="Again", key="again", by="test")
    worked.work()
    [twin] = Job.objects.filter(batch=again)
    assert added == 1 and (twin.state, twin.cached, twin.render_id) == (JobState.DONE, True, job.render_id)
    assert (worked.rendered, Attempt.objects.count()) == (before, attempts), "no worker was asked"
    assert usage.recently(worked.workspace.pk).cached == 1
