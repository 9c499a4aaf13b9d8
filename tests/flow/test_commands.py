"""The doors of the command line, in process: words for people, one JSON object for programs."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import Sync
from apps.jobs.models import Batch, Job
from apps.publishing.models import Publication
from apps.recipes import services as recipes
from apps.recipes.selectors import automatic
from apps.review.models import Item, ItemState
from connectors.errors import AuthExpired
from tests.shopkeeping import Shop, photo


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """A picture that waits for a person."""
    shop.sell()
    shop.deliver()
    shop.carry()
    shop.render_what_waits()
    shop.wire.clear()
    Publication.objects.all().delete()
    Item.objects.update(state=ItemState.PENDING, reasons=["The cut-out may be wrong."])
    return shop


def test_createowner_makes_a_workspace_with_its_first_recipe(db: None) -> None:
    told = run("createowner", "anna", "--workspace", "Anna's shop", "--password", "a long pass phrase")
    assert User.objects.get(pk=told["user"]).username == "anna"
    assert automatic(told["workspace"]).recipe.name == "White packshot"
    with pytest.raises(CommandError, match="already a user called anna"):
        run("createowner", "anna", "--password", "a long pass phrase")
    with pytest.raises(CommandError, match="too short"):
        run("createowner", "ben", "--password", "short")


def test_approve_lists_what_waits_then_decides_and_publish_writes_it(waiting: Shop) -> None:
    [row] = run("approve")["waiting"]
    assert row["reasons"] == ["The cut-out may be wrong."]
    assert run("approve", str(row["item"]), "--by", waiting.owner.username)["items"][0]["state"] == "approved"
    [published] = run("publish", str(row["item"]))["publications"]
    assert published["state"] == "done"
    [undone] = run("undo", str(published["publication"]))["undone"]
    assert undone["outcome"] == "Everything is as it was before."


def test_reject_writes_nothing(waiting: Shop) -> None:
    [row] = run("approve")["waiting"]
    run("approve", str(row["item"]), "--reject")
    with pytest.raises(CommandError, match="Only approved"):
        run("publish", str(row["item"]))


def test_sync_and_regenerate_name_the_store_by_address(shop: Shop) -> None:
    shop.sell()
    assert run("sync", shop.store.url)["products"] == 1
    shop.carry()
    assert run("regenerate", str(shop.store.pk), "--key", "sunday")["jobs"] == 0, "its first job is under way"
    Job.objects.update(state="failed")
    told = run("regenerate", str(shop.store.pk), "--key", "monday")
    assert told["jobs"] == 1
    assert run("regenerate", str(shop.store.pk), "--key", "monday") == {**told, "jobs": 0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sync", "https://nowhere.example"), "No store matches"),
        (("regenerate", "STORE", "--recipe", "Nonsense"), "no such recipe"),
        (("publish", "999999"), "no item 999999"),
        (("undo", "999999"), "no publication 999999"),
        (("approve", "999999"), "no item 999999"),
        (("batch", "999999"), "no batch 999999"),
    ],
)
def test_a_mistake_gets_one_clear_line(shop: Shop, words: tuple[str, ...], sentence: str) -> None:
    words = tuple(str(shop.store.pk) if w == "STORE" else w for w in words)
    with pytest.raises(CommandError, match=sentence):
        run(*words)


def test_a_store_that_refuses_the_keys_is_said_so(shop: Shop) -> None:
    shop.remote.fail(AuthExpired("401"), "products")
    with pytest.raises(CommandError, match="no longer accepts our keys"):
        run("sync", str(shop.store.pk))


def test_sync_tells_what_no_webhook_had_told(shop: Shop) -> None:
    first = run("sync", str(shop.store.pk))
    assert first["run"]["first"] and first["run"]["drift"] == 0
    shop.sell()
    shop.remote.deliver()  # lost
    told = run("sync", str(shop.store.pk), "--changes")
    assert (told["run"]["new"], told["run"]["photos"], told["run"]["everything"]) == (1, 1, False)
    assert told["keeping"]["days_7"]["drift"] == 1
    Sync.objects.filter(pk=told["run"]["sync"]).update(
        work_state="running", lease_until=timezone.now() + dt.timedelta(minutes=1)
    )
    with pytest.raises(CommandError, match="being read just now"):
        run("sync", str(shop.store.pk))


def test_rules_are_listed_made_changed_and_switched(shop: Shop) -> None:
    store = str(shop.store.pk)
    [first] = run("rules", store)["rules"]
    assert (first["name"], first["on"], first["waiting"]) == ("New photos", True, 0)
    values = json.dumps({"name": "Summer", "events": ["new_photo"], "filter": {"tags": ["summer"]}})
    summer = run("rules", store, "add", "--values", values)["rules"][1]
    number = str(summer["rule"])
    assert run("rules", store, "change", number, "--values", '{"daily_cap": 5}')["rules"][1]["daily_cap"] == 5
    assert not run("rules", store, "off", number)["rules"][1]["on"]
    assert run("rules", store, "up", number)["rules"][0]["name"] == "Summer"
    assert len(run("rules", store, "delete", number)["rules"]) == 1
    assert len(run("rules", store, "restore", number)["rules"]) == 2
    for words, sentence in (
        (("off", "999999"), "has no rule 999999"),
        (("add", "--values", "{"), "not JSON"),
        (("add", "--values", "[]"), "an object"),
        (("add", "--values", '{"name": "x", "daily_cap": 0}'), "at least 1"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run("rules", store, *words)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    for number in range(4):
        category = "Mugs" if number else "Lamps"
        shop.remote.add_product(
            f"Product {number}", (photo(f"#{number}{number}4a7f"),), categories=(category,)
        )
    run("sync", str(shop.store.pk))
    shop.carry()
    Job.objects.update(state="failed")  # what the first sync began would be left out as under way
    return shop


def test_regenerate_looks_ahead_without_creating_anything(stocked: Shop) -> None:
    told = run("regenerate", str(stocked.store.pk), "--dry-run", "--filter", '{"categories": ["Mugs"]}')
    assert (told["photos"], told["to_render"], told["skipped"]) == (3, 3, {})
    assert not Batch.objects.exists()


def test_a_batch_is_piloted_released_paused_capped_cloned_and_cancelled(stocked: Shop) -> None:
    store = str(stocked.store.pk)
    told = run("regenerate", store, "--pilot", "50%", "--go-at", "95%", "--cap", "12.50")
    batch = str(told["batch"])
    assert told["jobs"] == 4 and told["pilot"]
    assert run("batch", batch)["state"] == "held"
    assert run("batch", batch, "go")["state"] == "running"
    assert run("batch", batch, "pause")["state"] == "paused"
    assert run("batch", batch, "cap", "--cap", "20")["cap_micros"] == 20_000_000
    assert run("batch", batch, "cap", "--cap", "none")["cap_micros"] is None
    assert run("batch", batch, "resume")["state"] == "running"
    version = automatic(stocked.workspace.pk)
    recipes.create(stocked.workspace, name="Grey", body=version.body, by="test")
    assert run("batch", batch, "clone", "--recipe", "Grey", "--key", "grey")["jobs"] == 4
    Job.objects.filter(batch=batch).update(state="failed", error_code="internal")
    assert run("batch", batch)["progress"]["troubles"] == {"internal": 2}
    assert run("batch", batch, "retry")["retried"] == 2
    told = run("batch", batch, "cancel")
    assert (told["state"], told["stopped"]) == ("cancelled", 4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--filter", "{"), "not JSON"),
        (("--filter", '{"colour": 1}'), "no field 'colour'"),
        (("--pilot", "many"), "pilot"),
        (("--go-at", "95%"), "--go-at needs a --pilot"),
        (("--pilot", "200%"), "at most 100"),
        (("--cap", "much"), "not an amount"),
        (("--cap", "-3"), "more than nothing"),
    ],
)
def test_a_wish_that_can_not_be_meant_gets_one_clear_line(
    shop: Shop, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("regenerate", str(shop.store.pk), *words)
    assert not Batch.objects.exists()
