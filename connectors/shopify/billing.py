"""The billing port, spoken with a Shopify store: an app subscription with a monthly line and one for what is used.

https://shopify.dev/docs/apps/launch/billing/manual-pricing. Fees of apps in Shopify's store go through Shopify and no
other way. Only `activeSubscriptions` says that a merchant agreed: the address to which they come back can be typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.base import Opening
from connectors.billing import Asked, Billing, Charged, Money, Offer, Plans, RemotePlan, Standing
from connectors.errors import NotFound, NotJson, Rejected
from connectors.http import Http
from connectors.shopify.client import AdminClient, part
from connectors.shopify.mapping import gid, moment, nodes, number_of, rest_of, text

# How far back a charge is looked for whose answer got lost: pages of 100.
MOST_PAGES = 5
_STANDING = {
    "PENDING": Standing.PENDING,
    "ACCEPTED": Standing.ACTIVE,
    "ACTIVE": Standing.ACTIVE,
    "FROZEN": Standing.FROZEN,
    "DECLINED": Standing.DECLINED,
    "EXPIRED": Standing.EXPIRED,
    "CANCELLED": Standing.CANCELLED,
}


class ShopifyBilling(Billing):
    """One shop's bills. A line's id is Shopify's own, the plan's the number at its end."""

    def __init__(self, opening: Opening, http: Http | None = None) -> None:
        self.client = AdminClient(opening, http)

    def ask(self, offer: Offer, *, back: str) -> Asked:
        usage = {
            "appUsagePricingDetails": {
                "cappedAmount": _input(offer.cap),
                "terms": offer.terms,
            }
        }
        monthly = {
            "appRecurringPricingDetails": {
                "price": _input(offer.monthly),
                "interval": "EVERY_30_DAYS",
            }
        }
        plans = ([monthly] if offer.monthly.micros else []) + [usage]
        data = self.client.run(
            "billing_ask",
            {
                "name": offer.name,
                "lines": [{"plan": plan} for plan in plans],
                "back": back,
                "trial": offer.trial_days,
                "test": offer.test,
            },
        )
        told = part(data, "appSubscriptionCreate")
        plan, page = number_of(part(told, "appSubscription").get("id")), text(told.get("confirmationUrl"))
        if not plan or not page:
            raise NotJson("a plan without an id or a page")
        return Asked(plan, page)

    def plans(self) -> Plans:
        told = part(self.client.run("billing_plans"), "currentAppInstallation")
        listed = told.get("activeSubscriptions")
        if not isinstance(listed, list):
            raise NotJson("an answer without a list of plans")
        active = tuple(_plan(entry) for entry in listed if isinstance(entry, Mapping))
        others = {
            number_of(entry.get("id")): _standing(entry)
            for entry in nodes(told, "allSubscriptions")
            if text(entry.get("status")) in _STANDING
        }
        return Plans(active, {name: standing for name, standing in others.items() if name})

    def raise_cap(self, line_id: str, cap: Money) -> str:
        data = self.client.run("billing_cap", {"line": line_id, "cap": _input(cap)})
        return text(part(data, "appSubscriptionLineItemUpdate").get("confirmationUrl"))

    def charge(self, line_id: str, price: Money, *, words: str, key: str) -> Charged:
        data = self.client.run(
            "billing_charge",
            {"line": line_id, "price": _input(price), "words": words, "key": key},
        )
        record = part(part(data, "appUsageRecordCreate"), "appUsageRecord")
        line = record.get("subscriptionLineItem")
        cap, used = _usage(line) if isinstance(line, Mapping) else (None, None)
        return Charged(number_of(record.get("id")), used, cap)

    def charged(self, plan_id: str, line_id: str, key: str) -> Charged | None:
        after: str | None = None
        for _ in range(MOST_PAGES):
            data = self.client.run(
                "billing_charged", {"plan": gid("AppSubscription", plan_id), "after": after}
            )
            line = _line(data.get("node"), line_id)
            for record in nodes(line, "usageRecords"):
                if record.get("idempotencyKey") == key:
                    return Charged(number_of(record.get("id")))
            after = rest_of(line, "usageRecords")
            if not after:
                break
        return None

    def cancel(self, plan_id: str) -> None:
        try:
            self.client.run("billing_cancel", {"plan": gid("AppSubscription", plan_id)})
        except NotFound:
            return
        except Rejected:
            # Shopify has no code for "ended already": whether it still holds says more than words.
            if any(plan.id == plan_id for plan in self.plans().active):
                raise


def _input(money: Money) -> dict[str, str]:
    return {"amount": money.amount, "currencyCode": money.currency}


def _plan(entry: Mapping[str, Any]) -> RemotePlan:
    lines = [line for line in entry.get("lineItems") or () if isinstance(line, Mapping)]
    used = next(((line, *_usage(line)) for line in lines if _usage(line)[0] is not None), None)
    return RemotePlan(
        id=number_of(entry.get("id")),
        name=text(entry.get("name")),
        standing=_standing(entry),
        line_id=text(used[0].get("id")) if used else "",
        cap=used[1] if used else None,
        used=used[2] if used else None,
        period_end=moment(entry.get("currentPeriodEnd")),
        trial_days=int(entry.get("trialDays") or 0),
        test=entry.get("test") is True,
    )


def _usage(line: Mapping[str, Any]) -> tuple[Money | None, Money | None]:
    """Cap and what is used of it; neither for a line that costs the same each month."""
    plan = line.get("plan")
    details = plan.get("pricingDetails") if isinstance(plan, Mapping) else None
    if not isinstance(details, Mapping):
        return None, None
    return _money(details.get("cappedAmount")), _money(details.get("balanceUsed"))


def _money(told: object) -> Money | None:
    return Money.read(told.get("amount"), told.get("currencyCode")) if isinstance(told, Mapping) else None


def _line(node: object, line_id: str) -> Mapping[str, Any]:
    lines = node.get("lineItems") if isinstance(node, Mapping) else None
    found: Iterable[Any] = lines if isinstance(lines, list) else ()
    return next((line for line in found if isinstance(line, Mapping) and line.get("id") == line_id), {})


def _standing(entry: Mapping[str, Any]) -> Standing:
    """Raises NotJson for a word that Shopify has not published: money is not guessed at."""
    try:
        return _STANDING[text(entry.get("status"))]
    except KeyError:
        raise NotJson("a plan in a state that is none") from None
