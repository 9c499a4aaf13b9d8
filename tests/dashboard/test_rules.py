"""The pages of a store's rules, and how well the store's mirror is kept, as a merchant sees them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.automation.models import Rule, Trigger
from apps.catalog.models import Product, Sync
from apps.ingest.models import Delivery
from tests import factories
from tests.dashboard.merchants import Merchant

FORM = {
    "name": "Summer",
    "events": ["new_photo", "tag_added"],
    "added": "summer, sale",
    "tags": ["summer"],
    "recipe": "",
    "lane": "urgent",
    "calm_s": "30",
    "ceiling_s": "600",
    "daily_cap": "200",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
}


@pytest.fixture
def tagged(merchant: Merchant) -> Merchant:
    for number, product in enumerate(Product.objects.filter(store=merchant.store).order_by("pk")):
        product.tags = ["summer"] if number < 2 else ["winter"]
        product.save()
    return merchant


def page(client: Client, merchant: Merchant) -> str:
    return client.get(f"/stores/{merchant.store.pk}/rules/").content.decode()


def test_a_store_starts_with_a_rule_in_plain_words(merchant: Merchant, viewer: Client) -> None:
    says = (
        "When a product is new, a photo is new or a photo is exchanged, make the automatic recipe, at once."
    )
    assert says in page(viewer, merchant)
    assert says in viewer.get(f"/stores/{merchant.store.pk}/").content.decode()


def test_an_owner_makes_a_rule_and_reads_it_as_a_sentence(tagged: Merchant, owner: Client) -> None:
    made = owner.post(f"/stores/{tagged.store.pk}/rules/new/", FORM, follow=True).content.decode()
    assert "“Summer” is on." in made
    assert (
        "When a photo is new or the tag “sale” or “summer” is added on products tagged “summer”, make the automatic "
        "recipe, once the product was left alone for 30 seconds, before everything else, at most 200 a day, not "
        "between 22:00 and 07:00."
    ) in made
    rule = Rule.objects.get(name="Summer")
    form = owner.get(f"/rules/{rule.pk}/").content.decode()
    assert 'value="22:00"' in form and 'value="sale, summer"' in form
    owner.post(f"/rules/{rule.pk}/", {**FORM, "daily_cap": "", "tags": []})
    rule.refresh_from_db()
    assert (rule.daily_cap, rule.filter) == (None, {})
    assert "changed the rule “Summer”" in owner.get("/audit/").content.decode()


def test_what_the_form_does_not_show_is_kept(tagged: Merchant, owner: Client) -> None:
    product = tagged.product.pk
    Rule.objects.filter(pk=tagged.rule.pk).update(filter={"products": [product], "tags": ["gone since"]})
    form = owner.get(f"/rules/{tagged.rule.pk}/").content.decode()
    assert "gone since (0)" in form
    owner.post(f"/rules/{tagged.rule.pk}/", {**FORM, "tags": ["gone since"]})
    tagged.rule.refresh_from_db()
    assert tagged.rule.filter == {"products": [product], "tags": ["gone since"]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"events": []}, "Choose at least one thing that happens."),
        ({"quiet_until": ""}, "give both or none"),
        ({"daily_cap": "0"}, "greater than or equal to 1"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_makes_no_sense_is_explained(
    tagged: Merchant, owner: Client, change: dict[str, Any], sentence: str
) -> None:
    answer = owner.post(f"/stores/{tagged.store.pk}/rules/new/", {**FORM, **change})
    assert answer.status_code == 422 and sentence in answer.content.decode()
    assert Rule.objects.filter(store=tagged.store).count() == 1


def test_choosing_shows_what_the_rule_would_have_done(tagged: Merchant, owner: Client) -> None:
    html = owner.get(f"/stores/{tagged.store.pk}/rules/ahead/", FORM).content.decode()
    assert "<strong>2 photos</strong> in the last 7 days" in html
    assert "How often a tag is added is not kept" in html
    assert "at most 200 a day" in html
    html = owner.get(f"/stores/{tagged.store.pk}/rules/ahead/", {**FORM, "quiet_until": ""}).content.decode()
    assert "give both or none" in html
    assert Rule.objects.filter(store=tagged.store).count() == 1, "a look changes nothing"


def test_the_page_says_what_waits_and_why(merchant: Merchant, viewer: Client) -> None:
    Rule.objects.filter(pk=merchant.rule.pk).update(daily_cap=1)
    shots = [merchant.unfetched, merchant.waiting.job.photo, merchant.failed_job.photo]
    for photo, how in zip(
        shots,
        ({"waits_for": "cap"}, {"waits_for": "cap"}, {"state": "ended", "outcome": "made"}),
        strict=True,
    ):
        Trigger.objects.create(
            store=merchant.store, product=photo.product, photo=photo, revision=1, rule=merchant.rule,
            ended_at=timezone.now() if how.get("outcome") else None, **how,
        )  # fmt: skip
    html = page(viewer, merchant)
    assert "1 of 1 picture" in html
    assert "2 for the next day, because today&#x27;s cap is reached" in html


def test_rules_are_switched_copied_ordered_deleted_and_brought_back(
    merchant: Merchant, owner: Client
) -> None:
    move = f"/rules/{merchant.rule.pk}/move/"

    def do(what: str, where: str = move) -> str:
        return owner.post(where, {"what": what}, follow=True).content.decode()

    assert "is off. What waits for it waits" in do("off")
    assert "is on." in do("on")
    assert "has a copy" in do("copy")
    copy = Rule.objects.get(name="New photos, copy")
    assert "asked one earlier" in do("up", f"/rules/{copy.pk}/move/")
    assert page(owner, merchant).index("New photos, copy") < page(owner, merchant).index(
        f"rule-{merchant.rule.pk}"
    )
    assert "You can bring it back below." in do("delete")
    assert owner.get(f"/rules/{merchant.rule.pk}/").status_code == 404
    assert "Bring back" in page(owner, merchant)
    assert "is back." in do("restore")
    assert "Nothing was chosen." in do("nonsense")


def test_without_an_automatic_recipe_the_page_says_that_nothing_is_made(
    merchant: Merchant, viewer: Client
) -> None:
    type(merchant.version.recipe).objects.update(automatic=False)
    assert "There is no automatic recipe" in page(viewer, merchant)


# -- in step with the store ----------------------------------------------------------------------------------------


def run(merchant: Merchant, *, days_ago: float = 0, **found: int) -> Sync:
    at = timezone.now() - dt.timedelta(days=days_ago)
    row = Sync.objects.create(
        store=merchant.store, requested_by="system", work_state="done", products=40, **found
    )
    Sync.objects.filter(pk=row.pk).update(
        created_at=at, started_at=at - dt.timedelta(seconds=9), finished_at=at
    )
    return row


def told(merchant: Merchant, count: int) -> None:
    for n in range(count):
        Delivery.objects.create(
            store=merchant.store, topic="product.updated", kind="product_changed", external_id=str(n), body=b"",
            body_sha256=str(n), work_state="done", changed=True,
        )  # fmt: skip


def test_the_stores_page_says_that_webhooks_look_healthy(merchant: Merchant, viewer: Client) -> None:
    run(merchant, drift_changed=1, came_late=1)
    told(merchant, 12)
    html = viewer.get(f"/stores/{merchant.store.pk}/").content.decode()
    assert "Webhooks look healthy: all 13 changes of the last 30 days came by webhook." in html
    assert "40 in 9 seconds" in html


def test_the_stores_page_says_how_much_arrives_only_by_looking_and_what_to_check(
    merchant: Merchant, owner: Client
) -> None:
    run(merchant, days_ago=20, drift_changed=4, drift_photos=6)
    run(merchant, days_ago=3, drift_new=2, drift_gone=1)
    told(merchant, 6)
    html = owner.get(f"/stores/{merchant.store.pk}/").content.decode()
    assert "50 % of the changes of the last 30 days arrived only because we looked." in html
    assert "7 in all, 4 on the worst day, 0 today" in html
    assert "Check the webhooks now" in html


def test_a_store_that_can_send_no_webhooks_is_not_blamed_for_it(merchant: Merchant, viewer: Client) -> None:
    merchant.store.about = {**merchant.store.about, "can_webhook": False}
    merchant.store.save()
    run(merchant, drift_changed=4)
    html = viewer.get(f"/stores/{merchant.store.pk}/").content.decode()
    assert "can send no webhooks" in html and "arrived only because we looked" not in html


def test_an_owner_has_the_webhooks_checked(
    merchant: Merchant, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.fake import FULL_ACCESS, FakeStore

    FakeStore(merchant.store.url, FULL_ACCESS)
    type(merchant.store).objects.filter(pk=merchant.store.pk).update(
        credentials={
            "key": "fake-key",
            "secret": "fake-secret",
            "user": "owner",
            "app_password": "fake-password",
        }
    )
    html = owner.post(f"/stores/{merchant.store.pk}/webhooks/", follow=True).content.decode()
    assert "4 webhooks are active." in html


def test_more_rules_ask_no_more_questions(
    merchant: Merchant, viewer: Client, django_assert_max_num_queries: Any
) -> None:
    for n in range(6):
        Rule.objects.create(
            store=merchant.store, name=f"Rule {n}", events=["new_photo"], created_by="system",
            recipe=factories.RecipeVersionFactory(recipe__workspace=merchant.workspace).recipe,
        )  # fmt: skip
    with django_assert_max_num_queries(13):
        page(viewer, merchant)
