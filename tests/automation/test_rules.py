"""What a store does by itself: which photo gets which picture, when, and how many a day; nothing lost, nothing twice."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.utils import timezone

from apps.audit.models import Event
from apps.automation import selectors, words
from apps.automation.models import Rule, Trigger
from apps.automation.services import acting, ruling
from apps.flow import flow, housekeeping
from apps.jobs.models import Job, Lane
from apps.jobs.services import pacing, planning
from apps.lib.errors import BadRequest
from apps.recipes import services as recipes
from tests.shopkeeping import Shop, photo

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> Iterator[Any]:
    """Noon on a summer's day; time goes on when the test says so."""
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def only_rule(shop: Shop, **values: Any) -> Rule:
    """The store's one rule, set to these values."""
    rule = ruling.standard(shop.store)
    ruling.change(rule, values, by="test")
    return rule


def tell(shop: Shop) -> None:
    """The store's webhooks arrive and are looked into; workers do nothing yet."""
    shop.deliver()
    shop.carry()


def sweep(shop: Shop) -> None:
    """What the dispatcher's sweeper would wake now."""
    shop.wire += [("flow.act", (store,)) for store in selectors.hints(10)]
    shop.carry()


def waiting(shop: Shop) -> list[str]:
    rows = Trigger.objects.filter(store=shop.store, state="waiting").order_by("pk")
    return [t.waits_for for t in rows]


def outcomes(shop: Shop) -> list[str]:
    return list(
        Trigger.objects.filter(store=shop.store, state="ended")
        .order_by("pk")
        .values_list("outcome", flat=True)
    )


def studio(shop: Shop, name: str = "Studio") -> str:
    body = {**recipes.WHITE_PACKSHOT, "backdrop": {"kind": "solid", "color": "#eeeeee"}}
    recipes.create(shop.workspace, name=name, body=body, by="test")
    return name


# -- what a store starts with ----------------------------------------------------------------------------------


def test_a_new_store_renders_new_photos_at_once_by_a_rule_that_can_be_changed(shop: Shop) -> None:
    shop.sell()
    tell(shop)
    assert len(shop.jobs()) == 1
    [rule] = ruling.of_store(shop.store)
    assert words.sentence(rule) == (
        "When a product is new, a photo is new or a photo is exchanged, make the automatic recipe, at once."
    )


def test_a_store_that_was_there_before_rules_gets_the_same_rule(shop: Shop) -> None:
    Rule.objects.all().delete()
    migration = importlib.import_module("apps.automation.migrations.0002_the_standard_rule")
    migration.forward(apps, None)
    migration.forward(apps, None)
    [rule] = Rule.objects.filter(store=shop.store)
    assert (rule.standard, rule.on, rule.events) == (True, True, ruling.standard(shop.store).events)
    assert ruling.of_store(shop.store) == [rule]


def test_a_merchant_who_deletes_the_first_rule_does_not_get_it_again(shop: Shop) -> None:
    ruling.delete(ruling.standard(shop.store), by="test")
    shop.sell()
    tell(shop)
    assert ruling.of_store(shop.store) == [] and shop.jobs() == []


def test_our_own_write_makes_nothing_happen(shop: Shop) -> None:
    only_rule(shop, events=["new_product", "new_photo", "changed_photo", "tag_added", "back_in_stock"])
    product = shop.sell()
    for _ in range(4):
        tell(shop)
        shop.work()
    assert shop.publications()[0].live
    flow.undo(shop.publications()[0], by="test")
    for _ in range(3):
        tell(shop)
        shop.work()
    assert shop.image_ids(product) and Trigger.objects.count() == 1 and len(shop.jobs()) == 1


# -- which photos, and what is made ----------------------------------------------------------------------------


def test_the_first_rule_that_fits_makes_the_picture_and_only_that_one(shop: Shop) -> None:
    name = studio(shop)
    ruling.standard(shop.store)
    summer = ruling.create(
        shop.store,
        {
            "name": "Summer",
            "events": ["new_photo"],
            "filter": {"tags": ["summer"]},
            "recipe": name,
            "lane": "urgent",
        },
        by="test",
    )
    ruling.move_up(summer, by="test")
    shop.remote.add_product("Hat", (photo(),), tags=("summer",))
    shop.remote.add_product("Boot", (photo("#a33"),), tags=("winter",))
    tell(shop)
    made = {j.photo.product.title: (j.recipe_version.recipe.name, j.lane) for j in shop.jobs()}
    assert made == {"Hat": ("Studio", Lane.URGENT), "Boot": ("White packshot", Lane.STANDARD)}


def test_a_tag_that_is_added_later_starts_work_once(shop: Shop, clock: Any) -> None:
    only_rule(shop, events=["tag_added"], tags=["sale"])
    product = shop.sell("Mug", photo(), photo("#a33"))
    tell(shop)

    def tag(*tags: str) -> int:
        clock.shift(2)
        shop.remote.change_product(product, tags=tags)
        tell(shop)
        return len(shop.jobs())

    assert tag("new") == 0, "another tag"
    assert tag("new", "sale") == 2
    assert tag("new") == 2
    assert tag("new", "sale") == 2, "its pictures are there"
    assert outcomes(shop) == ["made", "made", "had", "had"]


def test_a_product_that_is_in_stock_again_starts_work(shop: Shop, clock: Any) -> None:
    only_rule(shop, events=["back_in_stock"])
    product = shop.remote.add_product("Mug", (photo(),), in_stock=False).id
    tell(shop)
    for in_stock, jobs in ((False, 0), (True, 1), (True, 1)):
        clock.shift(2)
        shop.remote.change_product(product, in_stock=in_stock)
        tell(shop)
        assert len(shop.jobs()) == jobs


def test_a_photo_that_went_before_its_hour_is_not_rendered(shop: Shop, clock: Any) -> None:
    only_rule(shop, calm_s=30)
    product = shop.sell("Mug", photo(), photo("#a33"))
    tell(shop)
    keep = shop.remote.products[product].images[1:]
    shop.remote.change_product(product, images=keep)
    tell(shop)
    clock.shift(60)
    sweep(shop)
    assert len(shop.jobs()) == 1 and sorted(outcomes(shop)) == ["gone", "made"]


def test_a_tag_that_comes_within_the_calm_counts(shop: Shop, clock: Any) -> None:
    only_rule(shop, calm_s=30, filter={"tags": ["summer"]})
    product = shop.sell()
    tell(shop)
    clock.shift(10)
    shop.remote.change_product(product, tags=("summer",))
    tell(shop)
    clock.shift(31)
    sweep(shop)
    assert len(shop.jobs()) == 1


# -- calm, quiet hours, caps -----------------------------------------------------------------------------------


def test_a_product_edited_five_times_in_a_minute_is_rendered_once_when_it_was_left_alone(
    shop: Shop, clock: Any
) -> None:
    only_rule(shop, calm_s=30)
    product = shop.sell("Mug", photo())
    tell(shop)
    for n in range(5):
        clock.shift(12)
        shop.remote.change_product(product, title=f"Mug {n}")
        tell(shop)
        sweep(shop)
    assert (shop.jobs(), waiting(shop)) == ([], ["calm"])
    clock.shift(29)
    sweep(shop)
    assert shop.jobs() == []
    clock.shift(2)
    sweep(shop)
    assert len(shop.jobs()) == 1 and waiting(shop) == []


def test_a_product_that_is_edited_for_ever_is_rendered_at_the_ceiling(shop: Shop, clock: Any) -> None:
    only_rule(shop, calm_s=30, ceiling_s=120)
    product = shop.sell()
    tell(shop)
    for n in range(7):
        clock.shift(20)
        shop.remote.change_product(product, title=f"Mug {n}")
        tell(shop)
        sweep(shop)
        assert len(shop.jobs()) == (1 if n >= 5 else 0), n
    assert outcomes(shop) == ["made"]


def test_what_comes_in_quiet_hours_is_done_afterwards(shop: Shop, clock: Any) -> None:
    pacing.change(shop.workspace, {"time_zone": "Europe/Berlin"}, by="test")
    only_rule(shop, quiet_from="13:00", quiet_until="15:00")  # it is 14:00 in Berlin
    shop.sell()
    tell(shop)
    assert (shop.jobs(), waiting(shop)) == ([], ["quiet_hours"])
    clock.shift(dt.timedelta(minutes=59))
    sweep(shop)
    assert shop.jobs() == []
    clock.shift(dt.timedelta(minutes=2))
    sweep(shop)
    assert len(shop.jobs()) == 1


def test_what_is_over_the_cap_waits_for_the_next_day_oldest_first(shop: Shop, clock: Any) -> None:
    rule = only_rule(shop, daily_cap=2)
    shop.sell("A", *(photo(c) for c in ("#111", "#222", "#333")))
    clock.shift(1)
    shop.sell("B", photo("#444"), photo("#555"))
    tell(shop)
    assert (len(shop.jobs()), waiting(shop)) == (2, ["cap"] * 3)
    counts = selectors.counts(shop.workspace.pk, [rule.pk])[rule.pk]
    assert (counts.today, counts.waits) == (2, 3)
    clock.shift(dt.timedelta(hours=13))
    sweep(shop)
    assert [j.photo.product.title for j in shop.jobs()] == ["A", "A", "A", "B"]
    clock.shift(dt.timedelta(days=1))
    sweep(shop)
    assert len(shop.jobs()) == 5 and waiting(shop) == []


def test_a_cap_that_is_raised_lets_go_at_once(shop: Shop, clock: Any) -> None:
    rule = only_rule(shop, daily_cap=1)
    shop.sell("A", photo(), photo("#222"), photo("#333"))
    tell(shop)
    ruling.change(rule, {"daily_cap": 2}, by="test")
    sweep(shop)
    assert (len(shop.jobs()), waiting(shop)) == (2, ["cap"])


def test_thousands_over_the_cap_are_put_off_without_deciding_each(
    shop: Shop, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "AT_ONCE", 2)
    only_rule(shop, daily_cap=1)
    shop.sell("A", *(photo(f"#{n}{n}{n}") for n in range(1, 7)))
    tell(shop)
    assert (len(shop.jobs()), waiting(shop)) == (1, ["cap"] * 5)
    assert selectors.hints(10) == []


# -- switching, deleting, being killed ---------------------------------------------------------------------------


def test_what_waits_for_a_rule_that_is_switched_off_goes_on_when_it_is_on_again(
    shop: Shop, clock: Any
) -> None:
    rule = only_rule(shop, calm_s=30)
    shop.sell()
    tell(shop)
    ruling.switch(rule, on=False, by="test")
    shop.sell("Met while it is off", photo("#222"))
    tell(shop)
    clock.shift(dt.timedelta(days=3))
    sweep(shop)
    assert (shop.jobs(), waiting(shop)) == ([], ["off"])
    ruling.switch(rule, on=True, by="test")
    sweep(shop)
    assert len(shop.jobs()) == 1


def test_a_deleted_rule_is_brought_back_with_what_waited_for_it(shop: Shop, clock: Any) -> None:
    rule = only_rule(shop, calm_s=30)
    shop.sell()
    tell(shop)
    ruling.delete(rule, by="test")
    clock.shift(dt.timedelta(hours=1))
    sweep(shop)
    assert shop.jobs() == []
    ruling.restore(rule, by="test")
    sweep(shop)
    assert len(shop.jobs()) == 1


def test_what_waited_for_a_deleted_rule_is_let_go_after_a_day(shop: Shop, clock: Any) -> None:
    rule = only_rule(shop, calm_s=30)
    shop.sell()
    tell(shop)
    ruling.delete(rule, by="test")
    clock.shift(dt.timedelta(hours=25))
    sweep(shop)
    assert (shop.jobs(), outcomes(shop)) == ([], ["no_rule"])


def test_a_kill_while_acting_loses_and_doubles_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell("Mug", photo(), photo("#222"), photo("#333"))
    shop.deliver()
    while shop.wire and shop.wire[0][0] != "flow.act":
        _, args = shop.wire.pop(0)
        flow.received(*args)
    shop.wire.clear()  # the message is lost, too
    real, calls = planning.plan, []

    def killed_at_the_second(*args: Any, **more: Any) -> Job | None:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return real(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(planning, "plan", killed_at_the_second)
        with pytest.raises(SystemExit):
            flow.acted(shop.store.pk)
    assert shop.jobs() == [] and len(waiting(shop)) == 3
    Trigger.objects.update(hint_after=timezone.now() - dt.timedelta(seconds=1))
    sweep(shop)
    sweep(shop)
    assert len(shop.jobs()) == 3 and waiting(shop) == []


def test_a_hint_wakes_each_store_once_in_a_while(shop: Shop, clock: Any) -> None:
    only_rule(shop, calm_s=5)
    shop.sell()
    tell(shop)
    clock.shift(6)
    assert (selectors.hints(10), selectors.hints(10)) == ([shop.store.pk], [])
    clock.shift(16)
    assert selectors.hints(10) == [shop.store.pk]


def test_a_store_whose_keys_stopped_working_keeps_what_waits(shop: Shop, clock: Any) -> None:
    only_rule(shop, calm_s=5)
    shop.sell()
    tell(shop)
    type(shop.store).objects.filter(pk=shop.store.pk).update(state="broken")
    clock.shift(60)
    sweep(shop)
    flow.acted(shop.store.pk)
    assert shop.jobs() == [] and len(waiting(shop)) == 1
    type(shop.store).objects.filter(pk=shop.store.pk).update(state="connected")
    sweep(shop)
    assert len(shop.jobs()) == 1


# -- writing rules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " "}, "Give the rule a name"),
        ({"events": []}, "choose at least one"),
        ({"events": ["full_moon"]}, "events is a list of"),
        ({"filter": {"colour": 1}}, "no field 'colour'"),
        ({"filter": {"judged": "doubted"}}, "can't ask for judged"),
        ({"filter": {"any": [{"recipe_behind": True}]}}, "can't ask for recipe_behind"),
        ({"recipe": "Nonsense"}, "no recipe called 'Nonsense'"),
        ({"lane": "fast"}, "lane is one of"),
        ({"calm_s": -1}, "number of seconds"),
        ({"ceiling_s": 100_000}, "at most 86400"),
        ({"quiet_from": "22:00"}, "give both or none"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "would never end"),
        ({"quiet_from": "late", "quiet_until": "07:00"}, "not a time"),
        ({"daily_cap": 0}, "at least 1"),
        ({"colour": 1}, "no field 'colour'"),
        ({"on": "yes"}, "true or false"),
    ],
)
def test_what_can_not_be_meant_is_explained_and_changes_nothing(
    shop: Shop, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        ruling.create(shop.store, {"name": "It", "events": ["new_photo"], **values}, by="test")
    assert not Rule.objects.filter(store=shop.store, name="It").exists()


def test_every_change_of_a_rule_is_in_the_trail(shop: Shop) -> None:
    rule = ruling.create(shop.store, {"name": "It", "events": ["new_photo"]}, by="test")
    assert not ruling.change(rule, {"name": "It"}, by="test"), "nothing is different"
    ruling.change(rule, {"daily_cap": 5}, by="test")
    ruling.switch(rule, on=False, by="test")
    copy = ruling.duplicate(rule, by="test")
    assert (copy.name, copy.on, copy.daily_cap) == ("It, copy", False, 5)
    ruling.move_up(copy, by="test")
    ruling.delete(rule, by="test")
    ruling.restore(rule, by="test")
    verbs = list(Event.objects.filter(verb__startswith="rule.").order_by("pk").values_list("verb", flat=True))
    expected = ["created", "changed", "off", "created", "moved", "deleted", "restored"]
    assert verbs == [f"rule.{verb}" for verb in expected]


def test_a_rule_reads_like_a_sentence(shop: Shop) -> None:
    rule = ruling.create(
        shop.store,
        {
            "name": "Summer",
            "events": ["new_photo", "tag_added"],
            "tags": ["summer"],
            "filter": {"tags": ["summer"], "vendors": ["Kiln"], "main_photo_only": True},
            "recipe": studio(shop, "White studio"),
            "calm_s": 90,
            "lane": "bulk",
            "daily_cap": 200,
            "quiet_from": "22:00",
            "quiet_until": "07:00",
        },
        by="test",
    )
    assert words.sentence(rule) == (
        "When a photo is new or the tag “summer” is added on products tagged “summer” and by brand “Kiln”, main "
        "photos only, make White studio, once the product was left alone for 90 seconds, when nothing newer waits, "
        "at most 200 a day, not between 22:00 and 07:00."
    )


def test_a_rule_can_ask_for_an_attribute_and_for_what_is_on_sale(shop: Shop) -> None:
    rule = only_rule(shop, filter={"attributes": ["Colour: Red"], "on_sale": True})
    assert "on products with “Colour: Red” and on sale" in words.sentence(rule)
    red = {"attributes": {"Colour": ("Red", "Blue")}, "on_sale": True}
    shop.remote.add_product("Red and reduced", (photo(),), **red)
    shop.remote.add_product("Red", (photo("#811"),), **red | {"on_sale": False})
    shop.remote.add_product("Reduced", (photo("#181"),), on_sale=True)
    shop.deliver()
    shop.work()
    assert [j.photo.product.title for j in shop.jobs()] == ["Red and reduced"]


def test_looking_back_counts_what_a_rule_would_have_met(shop: Shop, clock: Any) -> None:
    only_rule(shop, events=["tag_added"])
    shop.remote.add_product("Old", (photo(),), tags=("summer",))
    sync_all(shop)
    clock.shift(dt.timedelta(days=10))
    shop.remote.add_product("Hat", (photo("#222"), photo("#333")), tags=("summer",))
    shop.sell("Boot", photo("#444"))
    tell(shop)
    rule = ruling.checked(
        Rule(store=shop.store, name="It"),
        {"events": ["new_photo", "back_in_stock"], "filter": {"tags": ["summer"]}},
    )
    back = selectors.looking_back(shop.store, rule)
    assert (back.photos, back.fitting, len(back.examples)) == (2, 3, 2)
    assert back.untold == ["a product is in stock again"]
    first = ruling.checked(Rule(store=shop.store, name="It"), {"events": ["new_product"]})
    assert selectors.looking_back(shop.store, first, days=30).photos == 3


def sync_all(shop: Shop) -> None:
    flow.connected(shop.store, by="test")
    shop.carry()


def test_what_rules_did_is_forgotten_after_90_days(shop: Shop, clock: Any) -> None:
    shop.sell()
    tell(shop)
    clock.shift(dt.timedelta(days=89))
    housekeeping.forget()
    assert Trigger.objects.count() == 1
    clock.shift(dt.timedelta(days=2))
    housekeeping.forget()
    assert Trigger.objects.count() == 0
