"""Finished pictures are charged: each once, none beyond the limit, and what does not fit waits."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from apps.billing.models import Charge, Charged, Subscription
from apps.billing.services import charging, plans
from apps.flow import paying
from apps.stores.models import Store
from tests.billing.paying import DAY_S, Payer, offer
from tests.billing.test_plans import made, notices, read, sell


def waiting() -> list[str]:
    return list(Charge.objects.exclude(work_state="done").values_list("work_state", flat=True))


def due() -> None:
    """What rests after a failure is due now."""
    past = timezone.now() - dt.timedelta(seconds=1)
    Charge.objects.filter(work_state="waiting").update(not_before=past, hint_after=past)


# -- each once


def test_finished_pictures_are_charged_together_and_once(payer: Payer) -> None:
    payer.agree()
    payer.finish(3)
    payer.bill()
    payer.bill()
    assert payer.paid() == pytest.approx(0.15) and len(payer.booked()) == 1
    payer.finish(1)
    payer.bill()
    assert payer.paid() == pytest.approx(0.20) and len(payer.booked()) == 2
    assert (Charged.objects.count(), payer.told("charged")) == (4, 2)
    assert payer.plan().used_micros == 200_000


@pytest.mark.parametrize("outcome", ["failed", "lost", "refused", "cancelled"])
def test_only_finished_pictures_cost_anything(payer: Payer, outcome: str) -> None:
    payer.agree()
    payer.finish(2, outcome=outcome)
    payer.bill()
    assert payer.booked() == [] and not Charge.objects.exists()


def test_what_was_finished_before_the_plan_is_not_charged(payer: Payer) -> None:
    payer.finish(2)
    payer.agree()
    payer.bill()
    assert payer.booked() == []


def test_pictures_of_another_store_are_not_charged_to_this_one(payer: Payer) -> None:
    payer.agree()
    other = Store.objects.get(pk=payer.store.pk)
    other.pk, other.url, other.shop, other.hook_token = None, "https://other.example", "", "other"
    other.save()
    mine = payer.shop.store
    payer.shop.store = other
    payer.finish(2)
    payer.shop.store = mine
    payer.bill()
    assert payer.booked() == []


def test_what_is_rendered_is_what_is_paid(payer: Payer) -> None:
    payer.agree()
    sell(payer, "#2b4a7f", "#7f2b4a", "#4a7f2b")
    read(payer)
    payer.bill()
    assert made(payer) == 3 and payer.paid() == pytest.approx(0.15)


def test_a_picture_from_the_cache_costs_nothing(payer: Payer) -> None:
    payer.agree()
    sell(payer, "#2b4a7f", "#2b4a7f")
    read(payer)
    payer.bill()
    assert made(payer) == 2 and payer.paid() == pytest.approx(0.05)


@pytest.mark.parametrize(
    "kind", ["close_after", "close_before", "truncate", "unavailable", "html", "throttled"]
)
def test_a_charge_whose_answer_is_lost_is_booked_once(payer: Payer, kind: str) -> None:
    payer.agree()
    payer.finish(2)
    payer.platform.faults.add(f"^POST /{payer.name}.*BillingCharge$", kind)
    payer.bill()
    for _ in range(3):
        due()
        payer.bill()
    assert len(payer.booked()) == 1 and payer.paid() == pytest.approx(0.10)
    assert Charge.objects.get().work_state == "done"
    plans.look(payer.store)
    assert payer.plan().used_micros == 100_000


def test_a_charge_that_was_sent_before_is_looked_up_even_if_its_key_was_forgotten(payer: Payer) -> None:
    payer.agree()
    payer.finish(2)
    payer.platform.faults.add(f"^POST /{payer.name}.*BillingCharge$", "close_after")
    payer.bill()
    due()
    payer.bill()
    asked = payer.platform.faults.requests(f"^POST /{payer.name}.*BillingCharge$")
    assert len(asked) == 1, "it was found instead of being sent again"
    assert Charge.objects.get().external_id


def test_of_two_who_send_the_same_charge_one_does(payer: Payer) -> None:
    payer.agree()
    payer.finish(1)
    paying.bill()
    pk = Charge.objects.get().pk
    assert Charge.claim(pk) is not None
    charging.send(pk)
    assert payer.booked() == []


def test_a_worker_that_spoke_late_is_still_charged(payer: Payer) -> None:
    """A record is dated when it was made, and may be seen only after the next round."""
    payer.agree()
    payer.bill()
    payer.bill()
    assert payer.plan().collected_until is not None
    Subscription.objects.update(counts_from=timezone.now() - dt.timedelta(days=3))
    payer.finish(1)
    from apps.usage.models import Record

    Record.objects.filter(store=payer.store.pk).update(at=timezone.now() - dt.timedelta(hours=20))
    payer.bill()
    assert len(payer.booked()) == 1


# -- the limit


def test_the_limit_stops_rendering_tells_the_merchant_and_raising_it_goes_on(payer: Payer) -> None:
    offer(picture_micros=500_000)
    payer.agree()
    sell(payer, "#2b4a7f", "#7f2b4a", "#4a7f2b")
    read(payer)
    assert made(payer) == 2, "the third does not fit under the limit"
    payer.bill()
    assert payer.paid() == pytest.approx(1.0)
    assert payer.standing().why_stopped == "full" and payer.told("full") == 1
    assert notices(payer) == [f"{payer.store.name} has reached the limit of its plan"]
    payer.shop.work()
    assert made(payer) == 2
    payer.raise_cap(2_000_000)
    plans.look(payer.store)
    payer.shop.work()
    assert made(payer) == 3 and notices(payer) == [] and payer.told("room") == 1
    payer.bill()
    assert payer.paid() == pytest.approx(1.5)


def test_no_more_is_handed_out_than_fits_whatever_is_under_way(payer: Payer) -> None:
    offer(picture_micros=500_000)
    payer.agree()
    sell(payer, "#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f7f2b")
    from apps.catalog import services as catalog
    from apps.flow import flow

    sync, _ = catalog.ask_sync(payer.store, by="test", start_work=True)
    flow.synced(sync.pk)
    payer.shop.carry()
    assert len(payer.shop.hand_out()) == 2
    assert payer.shop.hand_out() == [], "two are at workers, and no third would fit"


def test_a_new_period_goes_on_by_itself(payer: Payer) -> None:
    payer.agree()
    payer.finish(20)
    payer.bill()
    assert payer.standing().why_stopped == "full"
    payer.platform.site.clock.advance(30 * DAY_S)
    Subscription.objects.update(
        period_end=timezone.now() - dt.timedelta(minutes=1),
        looked_at=timezone.now() - dt.timedelta(minutes=2),
    )
    Store.objects.update(credentials=dict(renewed(payer)))
    payer.bill()
    payer.platform.site.clock.advance(-30 * DAY_S)
    assert payer.standing().why_stopped == ""


def renewed(payer: Payer) -> dict[str, str]:
    """A month later the token is another one."""
    token = payer.platform.site.token(payer.name)["access_token"]
    later = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    return {"token": token, "expires_at": later, "scope": "write_files,write_products"}


def test_what_was_finished_beyond_the_limit_is_charged_when_there_is_room(payer: Payer) -> None:
    payer.agree()
    payer.finish(25)
    payer.bill()
    assert payer.paid() == pytest.approx(1.0)
    payer.raise_cap(2_000_000)
    plans.look(payer.store)
    payer.bill()
    assert payer.paid() == pytest.approx(1.25) and Charged.objects.count() == 25


def test_what_shopify_refuses_for_want_of_room_waits_and_is_charged_later(payer: Payer) -> None:
    row = payer.agree()
    payer.finish(3)
    paying.bill()
    at_shopify = payer.platform.site.billing
    from decimal import Decimal

    there = at_shopify.plan(payer.name, int(row.external_id))
    assert there is not None
    at_shopify.use(there, "something else of ours", Decimal("0.95"), "beside us")
    payer.bill()
    assert waiting() == ["waiting"] and payer.standing().why_stopped == "full"
    payer.raise_cap(2_000_000)
    plans.look(payer.store)
    payer.bill()
    assert waiting() == [] and payer.paid() == pytest.approx(0.95 + 0.15)


def test_pictures_that_cost_nothing_extra_are_not_charged_and_never_stop(payer: Payer) -> None:
    offer(picture_micros=0)
    payer.agree()
    payer.finish(30)
    payer.bill()
    assert payer.booked() == [] and payer.standing().why_stopped == ""


def test_a_charge_of_a_plan_that_ended_is_given_up(payer: Payer) -> None:
    payer.agree()
    payer.finish(1)
    payer.platform.faults.add(f"^POST /{payer.name}.*BillingCharge$", "close_before")
    payer.bill()
    payer.platform.site.billing.end_all(payer.name)
    due()
    payer.bill()
    row = Charge.objects.get()
    assert row.work_state == "failed" and "ended" in row.error
    assert payer.booked() == []


def test_access_that_was_taken_back_holds_charges_until_it_is_there_again(payer: Payer) -> None:
    payer.agree()
    payer.finish(1)
    paying.bill()
    payer.platform.site.access.revoke(payer.name)
    for pk in Charge.hints(10):
        charging.send(pk)
    assert waiting() == ["waiting"]
    from apps.flow import signingin
    from apps.stores import shopify

    token = payer.platform.site.session_token(payer.name)
    signingin.arrive(shopify.session(token), token)
    payer.shop.carry()
    assert waiting() == [] and len(payer.booked()) == 1
