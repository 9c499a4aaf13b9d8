"""A full disk, at each step: nothing is lost, nothing is broken, and all goes on by itself when there is room."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.flow import flow
from apps.flow.dispatcher import Dispatcher
from apps.jobs.models import Attempt, Job, JobState, Preparation
from apps.jobs.services import leases
from apps.lib.blobs import AtomicFileSystemStorage
from apps.publishing.models import Publication, Snapshot
from apps.storage import selectors
from apps.storage.services import keeping
from gpu_worker import chunks
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.storage import open_storage
from tests.shopkeeping import Shop, photo


class Quota(AtomicFileSystemStorage):
    """A disk of a certain size."""

    left_bytes: int | None = None

    def _save(self, name: str, content: File) -> str:
        if Quota.left_bytes is not None and content.size > Quota.left_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super()._save(name, content)

    def move(self, source: str, target: str) -> None:
        """As a bucket, which copies; a folder may need room for a name."""
        if Quota.left_bytes is not None and self.size(source) > Quota.left_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().move(source, target)


@pytest.fixture
def disk(settings: Any, storage_root: Path) -> Iterator[type[Quota]]:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": f"{__name__}.Quota", "OPTIONS": {"location": str(storage_root)}},
    }
    Quota.left_bytes = None
    yield Quota
    Quota.left_bytes = None


def let_all_go() -> None:
    for model in (Preparation, Publication):
        model.objects.filter(work_state="waiting").update(not_before=timezone.now())


def again(shop: Shop) -> None:
    let_all_go()
    shop.wire += [("flow.prepare", (pk,)) for pk in Preparation.objects.values_list("pk", flat=True)]
    shop.wire += [("flow.publish", (pk,)) for pk in Publication.objects.values_list("pk", flat=True)]
    shop.work()


def test_an_original_that_does_not_fit_is_fetched_when_there_is_room(shop: Shop, disk: type[Quota]) -> None:
    shop.sell()
    disk.left_bytes = 0
    shop.deliver()
    shop.carry()
    [preparation] = Preparation.objects.all()
    assert (preparation.work_state, preparation.tries) == ("waiting", 0)
    assert "storage is full" in preparation.error
    disk.left_bytes = None
    again(shop)
    assert shop.publications()[0].live


def test_a_result_that_can_not_be_kept_is_adopted_later_and_rendered_once(
    shop: Shop, disk: type[Quota], redis_url: str
) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    [chunk] = shop.hand_out()
    [result] = shop.render(chunk)
    disk.left_bytes = 0
    with pytest.raises(Exception, match="storage is full"):
        flow.resulted(result.to_dict())
    Attempt.objects.update(lease_until=timezone.now())
    assert leases.expire(then=flow.rendered) == 0, "the dispatcher lives on"
    [job] = shop.jobs()
    assert job.state in {JobState.DISPATCHED, JobState.RUNNING} and Attempt.objects.count() == 1
    disk.left_bytes = None
    Attempt.objects.update(lease_until=timezone.now())
    leases.expire(then=flow.rendered)
    again(shop)
    assert shop.publications()[0].live and shop.rendered == 1


def test_a_snapshot_that_does_not_fit_leaves_the_store_as_it_is(shop: Shop, disk: type[Quota]) -> None:
    product = shop.sell()
    before = shop.image_ids(product)
    shop.deliver()
    shop.carry()
    for chunk in shop.hand_out():
        for result in shop.render(chunk):
            flow.resulted(result.to_dict())
    [publication] = shop.publications()
    # What it replaces is no longer the photo that was fetched: its bytes have to be kept.
    default_storage.delete(publication.photo.key)
    type(publication.photo).objects.filter(pk=publication.photo_id).update(key="", sha256="")
    disk.left_bytes = 0
    shop.carry()
    publication.refresh_from_db()
    assert (publication.work_state, publication.tries) == ("waiting", 0)
    assert "storage is full" in publication.error
    assert shop.image_ids(product) == before and not Snapshot.objects.exists()
    disk.left_bytes = None
    again(shop)
    publication.refresh_from_db()
    assert publication.live


def test_a_worker_without_room_says_so_and_it_is_no_try(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    [chunk] = shop.hand_out()
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr("gpu_worker.storage.os.fsync", lambda _: (_ for _ in ()).throw(full))
        [result] = chunks.run_chunk(chunk, open_storage(shop.storage_url), worker="w", engine=FakeEngine())
    assert result.error and (result.error.code, result.error.retry) == ("storage_full", True)
    flow.resulted(result.to_dict())
    [job] = shop.jobs()
    assert (job.state, job.tries, job.error_code) == (JobState.QUEUED, 0, "storage_full")
    Job.objects.update(held="", not_before=timezone.now())
    shop.work()
    assert shop.publications()[0].live


@pytest.fixture
def full(shop: Shop, settings: Any) -> Shop:
    """A shop whose room is used up to the last byte."""
    shop.sell()
    shop.deliver()
    shop.carry()
    keeping.change(shop.workspace, {"budget_bytes": 1}, by="test")
    return shop


def test_over_budget_nothing_is_handed_out_and_it_goes_on_by_itself(full: Shop, settings: Any) -> None:
    assert Dispatcher().feed([]) == 0 and full.workspace.pk in selectors.stopped_workspaces()
    keeping.change(full.workspace, {"budget_bytes": None}, by="test")
    assert selectors.stopped_workspaces() == []
    settings.STORAGE_BUDGET = 1
    assert full.workspace.pk in selectors.stopped_workspaces()
    assert "raise STORAGE_BUDGET" in selectors.level(full.workspace.pk).sentence


def test_over_budget_no_original_is_fetched(full: Shop) -> None:
    full.sell("Lamp", photo("#a33"))
    full.deliver()
    full.carry()
    newest = Preparation.objects.latest("pk")
    assert (newest.work_state, newest.tries) == ("waiting", 0)
    assert "nothing new begins" in newest.error
    keeping.change(full.workspace, {"budget_bytes": 10**9}, by="test")
    again(full)
    assert all(p.live for p in full.publications()) and len(full.publications()) == 2


def test_over_budget_nothing_is_written_back_but_an_undo_works(full: Shop) -> None:
    keeping.change(full.workspace, {"budget_bytes": None}, by="test")
    for chunk in full.hand_out():
        for result in full.render(chunk):
            flow.resulted(result.to_dict())
    keeping.change(full.workspace, {"budget_bytes": 1}, by="test")
    calls = len(full.remote.calls)
    full.carry()
    [publication] = full.publications()
    assert publication.work_state == "waiting" and "nothing new begins" in publication.error
    assert len(full.remote.calls) == calls, "the store was not even asked"
    keeping.change(full.workspace, {"budget_bytes": 10**9}, by="test")
    again(full)
    publication.refresh_from_db()
    assert publication.live
    keeping.change(full.workspace, {"budget_bytes": 1}, by="test")
    flow.undo(publication, by="test")
    full.carry()
    publication.refresh_from_db()
    assert publication.undo.outcome == "Everything is as it was before."


def test_the_level_warns_first_then_stops_and_the_disk_counts_too(shop: Shop, settings: Any) -> None:
    key = f"{shop.workspace.pk}/1/originals/x"
    from apps.lib import blobs

    blobs.save(key, b"x" * 900)
    keeping.change(shop.workspace, {"budget_bytes": 1000}, by="test")
    assert selectors.level(shop.workspace.pk).state == "warn"
    blobs.save(key + "y", b"x" * 100)
    assert selectors.level(shop.workspace.pk).state == "stop"
    keeping.change(shop.workspace, {"budget_bytes": None}, by="test")
    assert selectors.level(shop.workspace.pk).state == "ok"
    settings.STORAGE_KEEP_FREE = 10**18
    assert "The disk has" in selectors.level(shop.workspace.pk).sentence
    assert default_storage.exists(key)
