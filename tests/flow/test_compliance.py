"""What the law has Shopify hand on is really done: tell what is held of a customer, forget one, forget a whole shop."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Member, User, Workspace
from apps.audit import services as audit
from apps.audit.models import Detail, Event, Redaction, Seal
from apps.billing.models import Plan
from apps.flow import compliance, erasing, flow
from apps.jobs.models import Job, StorePace
from apps.lib import blobs
from apps.publishing.models import Cleaning, Publication
from apps.recipes.models import RecipeVersion
from apps.stores.models import LegalRequest, Store
from apps.usage import selectors as usage
from apps.usage.models import Daily, Record
from connectors.fake import FakeStore
from tests import factories, shopify_app
from tests.api.test_shopify_webhooks import everything, post
from tests.shopify_app import ANNA, BEN, OTHER, SHOP, Shopify, delivery, session_token
from tests.shopkeeping import Shop, photo

CUSTOMER = {"id": 191167, "email": "jane@example.com", "phone": "555-625-1199"}
# What stays: the skeleton of the trail, and the clock of a lane, which belongs to nobody. Details that say nothing too.
SKELETON = {"audit_event", "audit_seal", "audit_redaction", "audit_pending", "audit_detail", "jobs_laneclock"}
# What the operator offers to everybody is nothing of a shop.
SKELETON |= {"billing_plan"}


def asked(
    topic: str, *, shop: str = SHOP, webhook_id: str = "1", at: dt.datetime | None = None, **body: Any
) -> Any:
    told = {"shop_id": 954889, "shop_domain": shop, **body}
    return post(*delivery(topic, told, shop=shop, webhook_id=webhook_id, at=at))


def owner_of(shop: Shop) -> Client:
    client = Client()
    client.force_login(shop.owner)
    return client


# -- tell --------------------------------------------------------------------------------------------------------


def test_what_is_held_of_a_customer_is_told_in_a_record_that_the_owner_keeps(teahouse: Shop) -> None:
    answer = asked(
        "customers/data_request", customer=CUSTOMER, orders_requested=[299938], data_request={"id": 9999}
    )
    assert answer.json() == {"ok": True, "repeat": False}
    teahouse.carry()
    page = owner_of(teahouse).get(f"/stores/{teahouse.store.pk}/privacy/").content.decode()
    assert "9999" in page
    row = LegalRequest.objects.get()
    record = owner_of(teahouse).get(f"/stores/{teahouse.store.pk}/privacy/{row.pk}/")
    assert record["Content-Disposition"] == f'attachment; filename="privacy-request-{row.pk}.json"'
    told = json.loads(record.content)
    assert (told["request"], told["customer"], told["shop"]) == ("9999", "191167", SHOP)
    assert set(told["held"]) and not any(told["held"].values())
    assert told["answered_at"] and "no data of customers" in told["says"]
    assert Event.objects.filter(verb="law.data_request", workspace=teahouse.workspace.pk).count() == 1


def test_names_and_addresses_of_customers_are_never_written_down(teahouse: Shop, storage_root: Path) -> None:
    for n, topic in enumerate(("customers/data_request", "customers/redact")):
        asked(topic, webhook_id=str(n), customer=CUSTOMER, data_request={"id": 1})
    teahouse.carry()
    assert found_in_tables("jane@example.com") == found_in_tables("555-625-1199") == {}


def test_a_repeat_is_answered_once(teahouse: Shop) -> None:
    for _ in range(3):
        assert (
            asked("customers/data_request", customer=CUSTOMER, data_request={"id": 9999}).status_code == 200
        )
    teahouse.carry()
    before = everything()
    assert asked("customers/data_request", customer=CUSTOMER, data_request={"id": 9999}).json()["repeat"]
    teahouse.carry()
    assert everything() == before
    assert LegalRequest.objects.count() == 1


def test_a_customer_is_forgotten_in_earlier_requests_too(teahouse: Shop) -> None:
    asked("customers/data_request", webhook_id="1", customer=CUSTOMER, data_request={"id": 9999})
    asked("customers/data_request", webhook_id="2", customer={"id": 5}, data_request={"id": 1000})
    teahouse.carry()
    asked("customers/redact", webhook_id="3", customer=CUSTOMER, orders_to_redact=[299938])
    teahouse.carry()
    assert found_in_tables("191167") == {}
    assert LegalRequest.objects.filter(customer="5").count() == 1
    assert Event.objects.filter(verb="law.customer_redact").count() == 1


def test_one_that_was_interrupted_is_woken_again(teahouse: Shop) -> None:
    asked("customers/data_request", customer=CUSTOMER, data_request={"id": 9999})
    teahouse.wire.clear()  # the message was lost
    from apps.flow import sweeper

    sweeper.sweep()
    teahouse.carry()
    assert LegalRequest.objects.get().work_state == "done"


def test_of_a_shop_that_we_never_had_only_the_fact_is_noted(shopify: Shopify) -> None:
    for _ in range(2):
        assert asked("shop/redact").status_code == 200
    assert not LegalRequest.objects.exists()
    event = Event.objects.get()
    assert (event.verb, event.workspace) == ("law.shop_redact", 0)
    assert found_in_tables("teahouse") == {}


# -- forget the shop -----------------------------------------------------------------------------------------------


def a_full_life(teahouse: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the shop in every table that can have one, and files of every kind."""
    for n, colour in enumerate(("#2b4a7f", "#7f2b4a", "#4a7f2b")):
        teahouse.sell(f"Pot {n}", photo(colour))
    teahouse.work()
    version = RecipeVersion.objects.get(recipe__workspace=teahouse.workspace)
    pilot, _ = flow.regenerate(teahouse.store, version, name="Pilot", key="pilot", by="test")
    batch, _ = flow.regenerate(teahouse.store, version, name="All pots", key="all", by="test")
    type(batch).objects.filter(pk=batch.pk).update(cloned_from=pilot.pk)
    teahouse.work()
    teahouse.hand_out()
    store, workspace = teahouse.store, teahouse.workspace
    job = Job.objects.filter(store=store, render__isnull=False).first()
    assert job is not None
    Job.objects.filter(store=store).exclude(pk=job.pk).update(instead_of=job)
    factories.ApprovalFactory(workspace=workspace, url=store.url, store=store)
    every_other_row(teahouse, job, batch)
    assert without_rows(store.pk) == set()
    for kind in ("originals", "renders", "mattes", "thumbnails", "attempts/7-abc", "anything-new"):
        blobs.save(f"{workspace.pk}/{store.pk}/{kind}/some-file", b"bytes of the shop")


def without_rows(store: int) -> set[str]:
    """Tables that could have a row of the store and have none: the test would say nothing of them."""
    return {model._meta.db_table for model, _ in erasing.hanging_on(Store)} - set(rows_of(store))


def every_other_row(teahouse: Shop, job: Job, batch: Any) -> None:
    """Of the tables that the pipeline did not come to by itself."""
    store, workspace = teahouse.store, teahouse.workspace
    post(*delivery("products/update", {"id": int(job.photo.product.external_id)}, webhook_id="saved"))
    asked("customers/data_request", webhook_id="earlier", customer=CUSTOMER, data_request={"id": 1})
    job.photo.product.variants.create(external_id="1", title="Pot 1, blue")
    job.photo.marks.create(sha256=job.photo.sha256, cutout={}, set_by=f"user:{teahouse.owner.pk}")
    StorePace.objects.create(store=store)
    publication = Publication.objects.filter(store=store).earliest("pk")
    factories.UndoFactory(publication=publication, work_state="done")
    factories.ReversedFactory(reversal=factories.ReversalFactory(batch=batch), publication=publication)
    cleaning = Cleaning.objects.create(
        workspace=workspace, store=store, requested_by="test", upto=0, work_state="done"
    )
    cleaning.files.create(written=store.written_media.earliest("pk"), deleted=False)
    plan = Plan.objects.create(
        name="Studio", currency="USD", monthly_micros=0, picture_micros=50_000, cap_micros=5_000_000
    )
    agreed = store.subscriptions.create(
        plan=plan, external_id="1", cap_micros=plan.cap_micros, state="active", asked_by="test"
    )
    charge = agreed.charges.create(pictures=1, amount_micros=50_000, words="1 finished picture")
    charge.records.create(record=Record.objects.filter(store=store.pk).earliest("pk"))


def found_in_tables(word: str) -> dict[str, int]:
    """Tables with rows in which a word stands, in whatever column; bytes too."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{word}%"])
            [(n,)] = cursor.fetchall()
            if n:
                found[table] = n
    return found


def rows_of(store: int) -> dict[str, int]:
    """How many rows hang on the store, by table."""
    found = {}
    for model, way in erasing.hanging_on(Store):
        n = model._default_manager.filter(**{way: store}).count()
        if n:
            found[model._meta.db_table] = n
    return found


def all_rows() -> dict[str, int]:
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            [(n,)] = cursor.fetchall()
            if n:
                found[table] = n
    return found


def files(root: Path) -> list[str]:
    return sorted(str(f.relative_to(root)) for f in root.rglob("*") if f.is_file())


def test_of_a_shop_nothing_is_left_but_the_skeleton_of_the_trail(
    shopify: Shopify,
    storage_root: Path,
    redis_url: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = all_rows()  # what an installation has by itself
    teahouse: Shop = request.getfixturevalue("teahouse")
    a_full_life(teahouse, monkeypatch)
    shopify_app.sign_in(user=BEN)
    enter_by_ticket()
    store, workspace = teahouse.store.pk, teahouse.workspace.pk
    audit.seal()
    events = list(Event.objects.order_by("pk").values_list("pk", flat=True))
    assert files(storage_root)

    shopify.take_off()
    asked_at = timezone.now()
    assert asked("shop/redact", webhook_id="redact", at=asked_at).status_code == 200
    teahouse.carry()

    assert files(storage_root) == []
    left = {table: n for table, n in all_rows().items() if n > before.get(table, 0)}
    assert set(left) <= SKELETON, left
    for word in (SHOP, "teahouse", "Fake store", "Pot 1", "All pots", f"shopify-{ANNA}", "shpat_", "191167"):
        assert found_in_tables(word) == {}, word
    with redis.Redis.from_url(redis_url) as wire:
        assert [key for key in wire.scan_iter() if f":{store}".encode() in key] == []

    # The trail still holds together, and says what happened.
    assert list(Event.objects.filter(pk__in=events).order_by("pk").values_list("pk", flat=True)) == events
    audit.seal()
    assert Seal.objects.count() == Event.objects.count()
    assert Event.objects.filter(verb="law.shop_redact", workspace=workspace).count() == 1
    assert Redaction.objects.filter(event__in=events).count() == len(events)
    call_command("audit", "verify", stdout=io.StringIO())
    for detail in Detail.objects.all():
        assert not detail.body, detail.body

    # A repeat finds nothing, and a late result of a worker makes nothing new.
    assert asked("shop/redact", webhook_id="redact", at=asked_at).status_code == 200
    teahouse.wire.clear()
    assert set(all_rows()) - set(before) <= SKELETON


def enter_by_ticket() -> None:
    url = (
        Client().post("/shopify/open/", headers={"Authorization": f"Bearer {session_token()}"}).json()["url"]
    )
    assert Client().get(url.removeprefix(shopify_app.HERE)).status_code == 302


def test_the_shop_of_the_neighbour_keeps_everything(
    shopify: Shopify, teahouse: Shop, storage_root: Path
) -> None:
    rivals = shopify_app.sign_in(OTHER)
    remote = FakeStore.at(f"https://{OTHER}")
    other = Shop(
        rivals.member.user, rivals.member.workspace, rivals.store, remote, teahouse.storage_url, teahouse.wire
    )
    for shop in (teahouse, other):
        shop.sell("Pot")
    teahouse.work()
    mine = rows_of(other.store.pk)
    details = Detail.objects.filter(event__workspace=other.workspace.pk).count()
    kept = [f for f in files(storage_root) if f.startswith(f"{other.workspace.pk}/")]
    assert mine and kept
    asked("shop/redact")
    teahouse.carry()
    assert not Store.objects.filter(pk=teahouse.store.pk).exists()
    assert rows_of(other.store.pk) == mine and files(storage_root) == kept
    assert Detail.objects.filter(event__workspace=other.workspace.pk).count() == details
    assert shopify_app.sign_in(OTHER).member == rivals.member


def test_a_workspace_with_other_shops_stays_and_so_does_what_was_spent(
    shopify: Shopify, shop: Shop, storage_root: Path
) -> None:
    """An owner connected the shop from inside, beside another one."""
    from tests.dashboard.from_shopify import connected_from_inside

    connected_from_inside(shop.owner)
    store = Store.objects.get(shop=SHOP)
    mine = Shop(
        shop.owner, shop.workspace, store, FakeStore.at(f"https://{SHOP}"), shop.storage_url, shop.wire
    )
    flow.connected(shop.store, by="test")
    for one in (mine, shop):
        one.sell("Pot", photo())
    version = RecipeVersion.objects.get(recipe__workspace=shop.workspace)
    for one in (mine, shop):
        one.carry()
        flow.regenerate(one.store, version, name=f"batch of {one.store.pk}", key=str(one.store.pk), by="test")
    shop.work()
    Record.objects.update(cost_micros=5)
    spent = usage.spent_micros(shop.workspace.pk)
    assert spent and Record.objects.filter(store=store.pk).exists()
    asked("shop/redact")
    shop.carry()
    assert not Store.objects.filter(pk=store.pk).exists() and rows_of(shop.store.pk)
    assert (
        not Record.objects.filter(store=store.pk).exists()
        and not Daily.objects.filter(store=store.pk).exists()
    )
    assert usage.spent_micros(shop.workspace.pk) == spent
    assert Member.objects.filter(workspace=shop.workspace, user=shop.owner).exists()
    [job] = Job.objects.filter(store=shop.store, render__isnull=False)
    assert job.render is not None and job.render.store == shop.store, "both shops showed the same photo"
    assert {f["key"].split("/")[1] for f in job.render.files} == {str(shop.store.pk)}
    assert all(blobs.read(f["key"]) for f in job.render.files)
    assert not [f for f in files(storage_root) if f.startswith(f"{shop.workspace.pk}/{store.pk}/")]
    assert found_in_tables(SHOP) == {}


def test_a_late_word_does_not_wipe_a_shop_that_is_here_again(
    shopify: Shopify, teahouse: Shop, storage_root: Path
) -> None:
    teahouse.sell("Pot")
    teahouse.work()
    asked_at = timezone.now()
    shopify.take_off()
    Store.objects.update(state="disconnected")
    shopify_app.sign_in()
    kept = files(storage_root)
    asked("shop/redact", at=asked_at)
    teahouse.carry()
    assert files(storage_root) == kept and Store.objects.get().state == "connected"
    assert "connected again" in LegalRequest.objects.get().answer["says"]


def test_one_that_was_killed_on_the_way_goes_on_where_it_was(
    shopify: Shopify, teahouse: Shop, storage_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_full_life(teahouse, monkeypatch)
    asked("shop/redact", webhook_id="redact")
    pk = LegalRequest.objects.get(kind="shop_redact").pk
    real, left = erasing._delete, [0]

    def dies(model: Any, ids: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        real(model, ids)

    monkeypatch.setattr(erasing, "_delete", dies)
    for steps in (1, 3, 7, 12):
        left[0] = steps
        with pytest.raises(KeyboardInterrupt):
            compliance.answer(pk)
        LegalRequest.objects.filter(pk=pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    compliance.answer(pk)
    assert not Store.objects.exists() and files(storage_root) == []
    assert not Workspace.objects.exists() and not User.objects.exists()


def test_whoever_has_a_password_keeps_their_login(shopify: Shopify, teahouse: Shop) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    Member.objects.create(user=user, workspace=teahouse.workspace, role="owner")
    asked("shop/redact")
    teahouse.carry()
    assert list(User.objects.all()) == [user]
    workspace = Workspace.objects.get(pk=teahouse.workspace.pk)
    assert workspace.name == f"Workspace {workspace.pk}", "it was named after the shop"
    assert found_in_tables("Fake store") == {}


def test_every_table_of_a_store_is_known_without_being_named() -> None:
    """Whoever adds a table with a way to a store need not think of this."""
    models = [model for model, _ in erasing.hanging_on(Store)]
    assert {"publishing.Step", "jobs.Attempt", "review.Decision", "catalog.Photo"} <= {
        m._meta.label for m in models
    }
    for n, model in enumerate(models):
        later = set(models[n + 1 :])
        named_by = {m for m in later if m is not model and model in erasing._named_by(m)}
        assert not named_by, f"{model} goes before {named_by}, which name it"


def test_publications_are_gone_with_the_shop() -> None:
    assert Publication in dict(erasing.hanging_on(Store))
