"""Bills of apps: plans that a merchant agrees to on a page of Shopify's, and what is used of them, up to a cap.

A plan lasts for periods of thirty days from the end of its trial. What is used counts in the period in which it came;
one of the same idempotency key is booked once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from connectors.sandbox.shopify.fields import Field, Rows, number, typed
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid

if TYPE_CHECKING:
    from connectors.sandbox.shopify.engine import Call
    from connectors.sandbox.shopify.site import Site

DAY_S = 86400.0
PERIOD_S, PENDING_S = 30 * DAY_S, 2 * DAY_S
# From here on the app is told that the cap comes near.
NEAR = Decimal("0.9")
MOST_KEY_CHARS = 255
UPDATED, NEARING = "app_subscriptions/update", "app_subscriptions/approaching_capped_amount"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS plans (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, status TEXT NOT NULL, created REAL"
    " NOT NULL, activated REAL NOT NULL DEFAULT 0, doc TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS used (id INTEGER PRIMARY KEY, plan INTEGER NOT NULL, key TEXT, at REAL NOT NULL, amount"
    " TEXT NOT NULL, words TEXT NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS used_once ON used (plan, key)",
)


class NotSo(Exception):
    """A user error: which input, and words. Shopify gives those of bills no code."""

    def __init__(self, path: Sequence[str], words: str) -> None:
        super().__init__(words)
        self.told = {"field": list(path), "message": words}


class Billing:
    """All plans of all shops. Changes of a plan are told to the app."""

    def __init__(self, site: Site) -> None:
        self._site = site
        for table in _TABLES:
            site.memory.run(table)

    # -- what the app asks for ------------------------------------------------------------------------------

    def create(self, shop: str, told: Doc) -> tuple[int, str]:
        """A plan that waits for the merchant; its number, and the signature of its page."""
        plan, signature = self._site.memory.next_id(), secrets.token_hex(12)
        self._site.memory.run(
            "INSERT INTO plans (id, shop, status, created, doc) VALUES (?, ?, 'PENDING', ?, ?)",
            *(plan, shop, self._site.clock.now(), json.dumps({**told, "signature": signature})),
        )
        return plan, signature

    def page(self, shop: str, plan: int, signature: str) -> str:
        """The address on which the merchant agrees."""
        return f"{self._site.url}/{shop}/admin/charges/{plan}/confirm?signature={signature}"

    def plan(self, shop: str, plan: int) -> Doc | None:
        """A plan as it is now."""
        self._settle(shop)
        row = self._site.memory.row("SELECT * FROM plans WHERE id = ? AND shop = ?", plan, shop)
        return self._told(row) if row else None

    def plans(self, shop: str) -> list[Doc]:
        """All plans, the oldest first."""
        self._settle(shop)
        rows = self._site.memory.rows("SELECT * FROM plans WHERE shop = ? ORDER BY id", shop)
        return [self._told(row) for row in rows]

    def want_cap(self, plan: Doc, amount: str) -> str:
        """Another cap waits for the merchant; the signature of its page."""
        signature = secrets.token_hex(12)
        self._save(plan["number"], wanted_cap=amount, signature=signature)
        return signature

    def use(self, plan: Doc, key: str | None, amount: Decimal, words: str) -> Doc:
        """Book something used. Raises `NotSo` where it does not fit under the cap."""
        memory = self._site.memory
        known = memory.row("SELECT * FROM used WHERE plan = ? AND key = ?", plan["number"], key)
        if known is not None:
            return dict(known)
        before, cap = self.balance(plan), Decimal(plan["cap"])
        if before + amount > cap:
            raise NotSo(["price"], "Total price exceeds balance remaining")
        memory.run(
            "INSERT INTO used (id, plan, key, at, amount, words) VALUES (?, ?, ?, ?, ?, ?)",
            *(memory.next_id(), plan["number"], key, self._site.clock.now(), str(amount), words),
        )
        if before < cap * NEAR <= before + amount:
            self._tell(plan["shop"], plan["number"], NEARING)
        row = memory.row("SELECT * FROM used WHERE plan = ? ORDER BY id DESC", plan["number"])
        assert row is not None
        return dict(row)

    def balance(self, plan: Doc) -> Decimal:
        """What was used in this period."""
        begun = self._period(plan)[0]
        sql = "SELECT amount FROM used WHERE plan = ? AND at >= ?"
        rows = self._site.memory.rows(sql, plan["number"], begun)
        return sum((Decimal(row["amount"]) for row in rows), Decimal())

    def used(self, plan: int) -> list[Doc]:
        """All that was ever booked on a plan, the oldest first."""
        rows = self._site.memory.rows("SELECT * FROM used WHERE plan = ? ORDER BY id", plan)
        return [dict(row) for row in rows]

    # -- what merchants do ----------------------------------------------------------------------------------

    def waiting(self, shop: str, plan: int, signature: str) -> Doc | None:
        """What the page of this signature asks for, if it still does."""
        found = self.plan(shop, plan)
        if found is None or not secrets.compare_digest(found["signature"], signature):
            return None
        return found if found["status"] == "PENDING" or found["wanted_cap"] else None

    def decide(self, shop: str, plan: Doc, *, agreed: bool) -> None:
        """The merchant agrees, or does not."""
        with self._site.memory.change():
            if plan["status"] == "PENDING":
                if agreed:
                    for other in self.plans(shop):
                        if other["status"] in {"ACTIVE", "FROZEN"}:
                            self.set_status(shop, other["number"], "CANCELLED")
                self.set_status(shop, plan["number"], "ACTIVE" if agreed else "DECLINED")
            else:
                cap = plan["wanted_cap"] if agreed else plan["cap"]
                self._save(plan["number"], cap=cap, wanted_cap="")
                self._tell(shop, plan["number"], UPDATED)

    def agree(self, shop: str) -> int:
        """The merchant agrees to what was asked for last; the number of the plan. Raises `KeyError`."""
        asking = [plan for plan in self.plans(shop) if plan["status"] == "PENDING" or plan["wanted_cap"]]
        if not asking:
            raise KeyError("no plan waits")
        self.decide(shop, asking[-1], agreed=True)
        return int(asking[-1]["number"])

    def set_status(self, shop: str, plan: int, status: str) -> None:
        """What becomes of a plan; the app is told."""
        self._site.memory.run("UPDATE plans SET status = ? WHERE id = ?", status, plan)
        if status == "ACTIVE":
            now = self._site.clock.now()
            self._site.memory.run("UPDATE plans SET activated = ? WHERE id = ? AND activated = 0", now, plan)
        self._tell(shop, plan, UPDATED)

    def end_all(self, shop: str) -> None:
        """The app was taken off: its plans end, and what waits will not be agreed to."""
        self._site.memory.run(
            "UPDATE plans SET status = 'CANCELLED' WHERE shop = ? AND status IN ('ACTIVE', 'FROZEN', 'PENDING')",
            shop,
        )

    # -- time -----------------------------------------------------------------------------------------------

    def _settle(self, shop: str) -> None:
        late = self._site.clock.now() - PENDING_S
        sql = "SELECT id FROM plans WHERE shop = ? AND status = 'PENDING' AND created <= ?"
        for row in self._site.memory.rows(sql, shop, late):
            self.set_status(shop, row["id"], "EXPIRED")

    def _period(self, plan: Doc) -> tuple[float, float]:
        """When the period began and when it ends; the trial is before the first."""
        start = plan["activated"] + plan["trial_days"] * DAY_S
        whole = max(0, int((self._site.clock.now() - start) // PERIOD_S))
        begun = start + whole * PERIOD_S
        return (begun if self._site.clock.now() >= start else plan["activated"]), begun + PERIOD_S

    # -- what is told ---------------------------------------------------------------------------------------

    def _save(self, plan: int, **changes: Any) -> None:
        row = self._site.memory.row("SELECT doc FROM plans WHERE id = ?", plan)
        assert row is not None
        doc = json.dumps(json.loads(row["doc"]) | changes)
        self._site.memory.run("UPDATE plans SET doc = ? WHERE id = ?", doc, plan)

    def _told(self, row: Any) -> Doc:
        plan: Doc = {"wanted_cap": "", **json.loads(row["doc"]), "number": row["id"], "shop": row["shop"]}
        plan |= {"status": row["status"], "activated": row["activated"], "created": row["created"]}
        stamp = self._site.clock.stamp
        ends = stamp(self._period(plan)[1]) if plan["status"] == "ACTIVE" else None
        lines = [self._monthly(plan)] if plan["monthly"] else []
        lines += [self._usage(plan)] if plan["cap"] else []
        return typed(
            "AppSubscription",
            plan
            | {
                "id": gid("AppSubscription", plan["number"]),
                "createdAt": stamp(plan["created"]),
                "currentPeriodEnd": ends,
                "lineItems": lines,
                "returnUrl": plan["back"],
                "trialDays": plan["trial_days"],
            },
        )

    def _monthly(self, plan: Doc) -> Doc:
        price = {"amount": plan["monthly"], "currencyCode": plan["currency"]}
        details = {"__typename": "AppRecurringPricing", "interval": "EVERY_30_DAYS", "price": price}
        return _line(plan, 0, details)

    def _usage(self, plan: Doc) -> Doc:
        def money(amount: Any) -> Doc:
            return {"amount": f"{Decimal(amount):f}", "currencyCode": plan["currency"]}

        details = {
            "__typename": "AppUsagePricing",
            "interval": "EVERY_30_DAYS",
            "terms": plan["terms"],
            "cappedAmount": money(plan["cap"]),
            "balanceUsed": money(self.balance(plan)),
        }
        return _line(plan, 1 if plan["monthly"] else 0, details)

    def _tell(self, shop: str, plan: int, topic: str) -> None:
        row = self._site.memory.row("SELECT * FROM plans WHERE id = ?", plan)
        assert row is not None
        told = self._told(row)
        about: Doc = {
            "admin_graphql_api_id": told["id"],
            "name": told["name"],
            "admin_graphql_api_shop_id": gid("Shop", self._site.shop(shop)["id"]),
            "created_at": told["createdAt"],
            "updated_at": self._site.clock.stamp(),
            "currency": told["currency"],
        }
        if topic == UPDATED:
            about |= {"status": told["status"], "capped_amount": told["cap"]}
        else:
            about |= {"balance_used": str(self.balance(told)), "capped_amount": told["cap"]}
        self._site.hooks.tell(shop, topic, {"app_subscription": about})


def _line(plan: Doc, place: int, details: Doc) -> Doc:
    named = f"{gid('AppSubscriptionLineItem', plan['number'])}?v=1&index={place}"
    return {"id": named, "plan": {"pricingDetails": details}, "number": plan["number"]}


# -- the API ------------------------------------------------------------------------------------------------


def _guarded(*empty: str) -> Callable[[Callable[..., Doc]], Field]:
    def around(change: Callable[..., Doc]) -> Field:
        def mutation(root: Any, call: Call, **given: Any) -> Doc:
            try:
                with call.site.memory.change():
                    return {"userErrors": [], **change(call, **given)}
            except NotSo as wrong:
                return {"userErrors": [wrong.told], **dict.fromkeys(empty)}

        return mutation

    return around


@_guarded("appSubscription", "confirmationUrl")
def _create(
    call: Call,
    name: str,
    lineItems: Sequence[Doc],
    returnUrl: str,
    trialDays: int | None = None,
    test: bool | None = None,
    replacementBehavior: str | None = None,
) -> Doc:
    if not name.strip():
        raise NotSo(["name"], "Name can't be blank")
    if not 1 <= len(lineItems) <= 2:
        raise NotSo(["lineItems"], "A subscription has one or two line items")
    told: Doc = {"name": name, "back": returnUrl, "trial_days": trialDays or 0, "test": bool(test)}
    told |= {"monthly": "", "cap": "", "terms": "", "currency": ""}
    for n, line in enumerate(lineItems):
        path, plan = ["lineItems", str(n), "plan"], line["plan"]
        if len(plan) != 1:
            raise NotSo(path, "A plan is either recurring or by usage")
        kind, details = next(iter(plan.items()))
        field, key = ("price", "monthly") if kind == "appRecurringPricingDetails" else ("cappedAmount", "cap")
        amount = _amount(details[field]["amount"], [*path, kind, field])
        currency = details[field]["currencyCode"]
        if told[key] or told["currency"] not in {"", currency}:
            raise NotSo(path, "The line items don't fit together")
        told |= {key: str(amount), "currency": currency, "terms": details.get("terms") or told["terms"]}
    plan, signature = call.site.billing.create(call.shop, told)
    return {
        "appSubscription": call.site.billing.plan(call.shop, plan),
        "confirmationUrl": call.site.billing.page(call.shop, plan, signature),
    }


@_guarded("appSubscription", "confirmationUrl")
def _update_line(call: Call, id: str, cappedAmount: Doc) -> Doc:
    plan = _plan_of_line(call, id, ["id"])
    amount = _amount(cappedAmount["amount"], ["cappedAmount"])
    if cappedAmount["currencyCode"] != plan["currency"]:
        raise NotSo(["cappedAmount"], "The currency can't be changed")
    if amount <= Decimal(plan["cap"]):
        raise NotSo(["cappedAmount"], "The capped amount must be greater than the existing capped amount.")
    signature = call.site.billing.want_cap(plan, str(amount))
    return {
        "appSubscription": plan,
        "confirmationUrl": call.site.billing.page(call.shop, plan["number"], signature),
    }


@_guarded("appUsageRecord")
def _use(
    call: Call, subscriptionLineItemId: str, price: Doc, description: str, idempotencyKey: str | None = None
) -> Doc:
    plan = _plan_of_line(call, subscriptionLineItemId, ["subscriptionLineItemId"])
    amount = _amount(price["amount"], ["price"])
    if idempotencyKey is not None and len(idempotencyKey) > MOST_KEY_CHARS:
        raise NotSo(["idempotencyKey"], "Idempotency key is too long (maximum is 255 characters)")
    if price["currencyCode"] != plan["currency"]:
        raise NotSo(["price"], "Price must be in the currency of the subscription")
    row = call.site.billing.use(plan, idempotencyKey, amount, description)
    fresh = call.site.billing.plan(call.shop, plan["number"])
    assert fresh is not None
    line = next(one for one in fresh["lineItems"] if one["id"] == subscriptionLineItemId)
    return {"appUsageRecord": _record(row, call, fresh["currency"]) | {"subscriptionLineItem": line}}


@_guarded("appSubscription")
def _cancel(call: Call, id: str, prorate: bool | None = None) -> Doc:
    found = call.site.billing.plan(call.shop, number(id, "AppSubscription"))
    if found is None:
        raise NotSo(["id"], "Couldn't find RecurringApplicationCharge")
    if found["status"] not in {"ACTIVE", "FROZEN", "PENDING"}:
        raise NotSo(["id"], "Cannot transition status via :cancel from :cancelled")
    call.site.billing.set_status(call.shop, found["number"], "CANCELLED")
    return {"appSubscription": call.site.billing.plan(call.shop, found["number"])}


def _plan_of_line(call: Call, line: str, path: list[str]) -> Doc:
    """The active plan whose usage line this is."""
    for plan in call.site.billing.plans(call.shop):
        for one in plan["lineItems"]:
            if one["id"] == line and one["plan"]["pricingDetails"]["__typename"] == "AppUsagePricing":
                if plan["status"] != "ACTIVE":
                    raise NotSo(path, "Subscription is not active")
                return plan
    raise NotSo(path, "Subscription line item not found")


def _amount(told: Any, path: list[str]) -> Decimal:
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        amount = Decimal()
    if not amount.is_finite() or amount <= 0:
        raise NotSo(path, "Price must be greater than 0")
    return amount


def _record(row: Doc, call: Call, currency: str) -> Doc:
    return {
        "__typename": "AppUsageRecord",
        "id": gid("AppUsageRecord", row["id"]),
        "createdAt": call.site.clock.stamp(row["at"]),
        "description": row["words"],
        "idempotencyKey": row["key"],
        "price": {"amount": row["amount"], "currencyCode": currency},
    }


def _records(line: Doc, call: Call, sortKey: str | None = None) -> list[Doc]:
    plan = call.site.billing.plan(call.shop, line["number"])
    assert plan is not None
    if line["plan"]["pricingDetails"]["__typename"] != "AppUsagePricing":
        return []
    return [
        _record(row, call, plan["currency"]) | {"subscriptionLineItem": line}
        for row in call.site.billing.used(line["number"])
    ]


def _active(installation: Doc, call: Call) -> list[Doc]:
    return [plan for plan in call.site.billing.plans(call.shop) if plan["status"] == "ACTIVE"]


MUTATIONS: dict[str, Field] = {
    "appSubscriptionCancel": _cancel,
    "appSubscriptionCreate": _create,
    "appSubscriptionLineItemUpdate": _update_line,
    "appUsageRecordCreate": _use,
}
TYPES: dict[str, dict[str, Field]] = {"AppInstallation": {"activeSubscriptions": _active}}
TYPE_LISTS: dict[str, dict[str, Rows]] = {
    "AppInstallation": {
        "allSubscriptions": lambda installation, call, sortKey=None: call.site.billing.plans(call.shop)
    },
    "AppSubscriptionLineItem": {"usageRecords": _records},
}
