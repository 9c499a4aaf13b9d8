"""Our own storage is full or away for a while: work waits for it, and nobody is to blame."""

from __future__ import annotations

import datetime as dt
import errno
import os

import pytest
from django.test import Client
from django.utils import timezone

from apps.flow import flow
from apps.jobs.models import Attempt, AttemptState, JobState, Preparation
from apps.lib.work import WorkState
from apps.publishing.models import Publication
from tests.shopkeeping import Shop, photo


class Disk:
    """A disk that can be filled: nothing is brought to it then, as when a quota is used up."""

    def __init__(self) -> None:
        self.full = False
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    return disk


def past(model: type) -> None:
    model.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))  # type: ignore[attr-defined]


def test_a_photo_that_has_no_room_is_fetched_when_there_is_some(shop: Shop, disk: Disk) -> None:
    shop.sell("Mug", photo())
    shop.deliver(Client())
    disk.full = True
    shop.carry()
    [waiting] = Preparation.objects.all()
    assert (waiting.work_state, waiting.tries) == (WorkState.WAITING, 0), "an outage is no try"
    assert "storage is full" in waiting.error
    disk.full = False
    past(Preparation)
    shop.wire.append(("flow.prepare", (waiting.pk,)))
    shop.work()
    assert [job.state for job in shop.jobs()] == [JobState.DONE]


def test_a_finished_render_needs_no_more_room_and_nobody_renders_it_again(shop: Shop, disk: Disk) -> None:
    """It is on the disk already and only changes its name; a bucket that is full is another test's."""
    shop.sell("Mug", photo())
    shop.deliver(Client())
    shop.carry()
    [chunk] = shop.hand_out()
    shop.render(chunk)  # the message is lost, the files and their manifest are there
    disk.full = True
    Attempt.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    flow.expired()
    [attempt] = Attempt.objects.all()
    assert attempt.state == AttemptState.DONE
    assert [job.state for job in shop.jobs()] == [JobState.DONE]


def test_a_picture_that_cant_be_read_is_published_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.files.storage import default_storage

    def away(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    product = shop.sell("Mug", photo())
    before = shop.bytes_shown(product)
    shop.deliver(Client())
    shop.carry()
    [chunk] = shop.hand_out()
    [result] = shop.render(chunk)
    flow.resulted(result.to_dict())
    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "open", away)
        shop.carry()
    [waiting] = shop.publications()
    assert (waiting.work_state, waiting.tries) == (WorkState.WAITING, 0)
    assert shop.bytes_shown(product) == before
    past(Publication)
    shop.wire.append(("flow.publish", (waiting.pk,)))
    shop.work()
    assert shop.publications()[0].live
