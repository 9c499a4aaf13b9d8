"""The doors of pace and quarantine, and the sweeper that lets nobody's catalogue hold up the others."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.flow import hints, sweeper
from apps.jobs import preparing
from apps.jobs.models import Job, JobState, Preparation
from apps.lib import wire
from tests import factories
from tests.jobs.queues import Queue

pytestmark = pytest.mark.django_db


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


def test_pace_shows_and_sets_what_holds_for_a_workspace() -> None:
    factories.WorkspaceFactory(name="Anna")
    assert run("pace")["weight"] == 1
    told = run(
        "pace",
        "--off-peak",
        "22:00-06:00",
        "--time-zone",
        "Europe/Berlin",
        "--tier",
        "plus",
        "--at-once",
        "4",
    )
    assert (told["off_peak"], told["time_zone"], told["weight"], told["at_once"]) == (
        "22:00-06:00", "Europe/Berlin", 3, 4,
    )  # fmt: skip
    told = run("pace", "--off-peak", "none", "--at-once", "none", "--pause")
    assert (told["off_peak"], told["at_once"], told["paused"], told["open_for_bulk"]) == (
        None,
        None,
        True,
        True,
    )
    assert not run("pace", "--resume")["paused"]


def test_pace_refuses_what_makes_no_sense_in_a_sentence() -> None:
    store = factories.StoreFactory()
    for words, sentence in (
        (["--off-peak", "late"], "takes two times"),
        (["--at-once", "many"], "takes a number"),
        (["--weight", "0"], "a weight from 1"),
        (["--time-zone", "Mars"], "no time zone"),
        (["--store", str(store.pk), "--weight", "2"], "belong to the workspace"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run("pace", *words)


def test_a_store_is_paused_by_its_name() -> None:
    store = factories.StoreFactory(name="Outlet")
    assert run("pace", "--store", "Outlet", "--pause") == {"store": store.pk, "paused": True, "at_once": None}


def test_release_tries_what_was_set_aside_again_and_names_what_was_not() -> None:
    first, second = (factories.JobFactory(state=JobState.QUARANTINED, tries=3) for _ in range(2))
    other = factories.JobFactory()
    told = run("release", str(first.pk), str(other.pk))
    assert told == {"released": [first.pk], "not_set_aside": [other.pk]}
    assert run("release", "--all", "--workspace", str(second.workspace_id))["released"] == [second.pk]
    with pytest.raises(CommandError, match="Name the jobs"):
        run("release")


# -- fetching originals


def to_fetch(shop: Queue, count: int, **fields: Any) -> list[Job]:
    jobs = shop.wait(count, state=JobState.PREPARING, **fields)
    Preparation.objects.bulk_create(Preparation(job=job) for job in jobs)
    return jobs


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> list[int]:
    """Preparations that were woken, in order."""
    woken: list[int] = []
    monkeypatch.setattr(hints, "hint", lambda task, pk: woken.append(pk))
    return woken


def test_a_large_catalogues_photos_do_not_keep_a_small_shops_from_being_fetched(sent: list[int]) -> None:
    large, small = Queue(), Queue()
    to_fetch(large, 3000)
    wanted = {job.preparation.pk for job in to_fetch(small, 10)}
    assert sweeper.sweep() == sweeper.AT_ONCE
    assert wanted <= set(sent[:20]), "one of each after the other"
    assert len(set(sent)) == sweeper.AT_ONCE


def test_hints_stop_while_the_control_workers_are_behind(sent: list[int]) -> None:
    to_fetch(Queue(), 300)
    wire.client().lpush("control", *["x"] * 150)
    assert sweeper.sweep() == 50
    wire.client().lpush("control", *["x"] * 100)
    assert sweeper.sweep() == 0


def test_a_paused_batch_fetches_nothing_from_the_store(sent: list[int]) -> None:
    shop = Queue()
    to_fetch(shop, 5, batch=shop.batch(state="paused"))
    to_fetch(shop, 2, batch=shop.batch())
    assert sweeper.sweep() == 2


def test_what_was_woken_just_now_is_not_woken_again(sent: list[int]) -> None:
    to_fetch(Queue(), 3)
    assert (len(preparing.hints(10)), len(preparing.hints(10))) == (3, 0)
