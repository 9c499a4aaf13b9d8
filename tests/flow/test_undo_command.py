"""`manage.py undo` for many: it says what would come of it, and with --yes does it in its own process."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.automation.models import Rule
from apps.jobs.models import Batch
from apps.jobs.services import pacing
from apps.publishing.models import Publication, Reversal
from tests.jobs.regenerating import start, sync_catalogue
from tests.shopkeeping import Shop, photo


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("undo", *words, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


@pytest.fixture
def live(shop: Shop) -> Shop:
    for colour in ("#2b4a7f", "#7f2b4a"):
        shop.sell("Mug", photo(colour))
    sync_catalogue(shop)
    Rule.objects.update(on=False)
    start(shop)
    shop.work()
    return shop


def test_without_yes_it_only_says_what_would_come_of_it(live: Shop) -> None:
    batch = str(Batch.objects.get().pk)
    assert run("--batch", batch)["ahead"]["pictures"] == 2
    out = StringIO()
    call_command("undo", "--batch", batch, stdout=out)
    assert "Would be taken back: 2 pictures in 2 products." in out.getvalue()
    assert not Reversal.objects.exists()


def test_with_yes_a_batch_is_taken_back_without_any_worker(live: Shop) -> None:
    told = run("--batch", str(Batch.objects.get().pk), "--yes", "--note", "Too dark")
    assert (told["state"], told["progress"]["done"]) == ("done", 2)
    assert not Publication.objects.filter(undone_at=None).exists()
    assert Reversal.objects.get().requested_by == "command"


def test_since_is_read_by_the_clock_of_the_shop(live: Shop) -> None:
    pacing.change(live.workspace, {"time_zone": "Asia/Tokyo"}, by="test")
    there = timezone.now() + dt.timedelta(hours=9)  # never changes its clocks
    store = str(live.store.pk)
    before = f"{there - dt.timedelta(minutes=30):%Y-%m-%dT%H:%M}"
    assert run("--store", store, "--since", before)["ahead"]["pictures"] == 2
    Publication.objects.update(
        published_at=timezone.now() - dt.timedelta(hours=1), created_at=timezone.now() - dt.timedelta(hours=1)
    )
    assert run("--store", store, "--since", before)["ahead"]["pictures"] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Name publications"),
        (("1", "--batch", "1"), "Name publications"),
        (("--batch", "999999"), "no batch 999999"),
        (("--since", "2026-01-01"), "of which store"),
        (("--store", "STORE", "--since", "yesterday"), "not a moment"),
        (("--store", "STORE", "--since", "2999-01-01"), "has not come yet"),
        (("--store", "STORE", "--since", "2026-01-01", "--recipe", "x"), "no recipe 'x'"),
    ],
)
def test_a_mistake_gets_one_clear_line(shop: Shop, words: tuple[str, ...], sentence: str) -> None:
    words = tuple(str(shop.store.pk) if w == "STORE" else w for w in words)
    with pytest.raises(CommandError, match=sentence):
        run(*words)
