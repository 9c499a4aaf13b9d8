"""A shop at a Shopify of one's own that pays for its pictures, and the merchant's hands on Shopify's page."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from apps.audit.models import Event
from apps.billing import selectors
from apps.billing.models import Charge, Plan, Subscription
from apps.billing.services import charging, plans
from apps.flow import paying, signingin
from apps.stores import shopify
from apps.stores.models import Store
from apps.usage import services as usage
from connectors.sandbox.shopify.server import ShopifySandbox
from tests.shopkeeping import Shop

BACK = "https://photos.example.com/plan/back/"
DAY_S = 86400
_NUMBERS = itertools.count(1)


@dataclass
class Payer:
    """A merchant whose shop pays. `name` is the shop's at Shopify."""

    platform: ShopifySandbox
    name: str
    shop: Shop

    @property
    def store(self) -> Store:
        return Store.objects.select_related("workspace").get(pk=self.shop.store.pk)

    # -- the merchant

    def press(self, page: str, button: str) -> str:
        """Read Shopify's page and press a button; where that leads."""
        assert requests.get(page, timeout=10).status_code == 200
        return str(
            requests.post(page, data={button: "1"}, timeout=10, allow_redirects=False).headers["Location"]
        )

    def agree(self) -> Subscription:
        """To the plan that is offered."""
        row = plans.ask(self.store, back=BACK, by="user:1")
        self.press(row.page, "agree")
        plans.look(self.store)
        return self.plan()

    def raise_cap(self, micros: int) -> None:
        self.press(plans.raise_cap(self.store, cap_micros=micros, by="user:1"), "agree")

    # -- Vitrine

    def plan(self) -> Subscription:
        holds = self.standing().holds
        assert holds is not None
        return holds

    def standing(self) -> selectors.Standing:
        return selectors.standing(self.store)

    def finish(self, pictures: int, *, outcome: str = "done") -> None:
        """So many pictures were made."""
        for number in itertools.islice(_NUMBERS, pictures):
            usage.book(
                usage.Use(
                    workspace=self.shop.workspace.pk,
                    attempt=10_000_000 + number,
                    job=number,
                    store=self.shop.store.pk,
                    engine="classic",
                    device="cpu",
                    device_seconds=1,
                    bytes_in=1,
                    bytes_out=1,
                    outcome=outcome,
                )
            )

    def bill(self) -> None:
        """A round by the clock, and what it sends."""
        paying.bill()
        for pk in Charge.hints(100):
            charging.send(pk)

    # -- what came of it

    def booked(self) -> list[str]:
        """The keys of what Shopify has booked, the oldest first."""
        return [
            row["key"]
            for plan in self.platform.site.billing.plans(self.name)
            for row in self.platform.site.billing.used(plan["number"])
        ]

    def paid(self) -> float:
        """What Shopify has booked in all."""
        return sum(
            float(row["amount"])
            for plan in self.platform.site.billing.plans(self.name)
            for row in self.platform.site.billing.used(plan["number"])
        )

    def told(self, verb: str) -> int:
        return Event.objects.filter(workspace=self.shop.workspace.pk, verb=f"billing.{verb}").count()


def offer(**more: Any) -> Plan:
    told = {
        "name": "Studio",
        "currency": "USD",
        "monthly_micros": 19_000_000,
        "picture_micros": 50_000,
        "cap_micros": 1_000_000,
        "trial_days": 0,
    }
    return plans.offer(**(told | more))


def set_up(platform: ShopifySandbox, settings: Any) -> None:
    """This server is an app of that platform's, and its shops pay."""
    settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = platform.client_id, platform.client_secret
    settings.SHOPIFY_API_ROOT = platform.api_root
    settings.ALLOW_PRIVATE_HOSTS = [urlsplit(platform.url).netloc]
    settings.BILLING = "shopify"


def come_in(platform: ShopifySandbox, storage_url: str, name: str = "") -> Payer:
    """A merchant opens the app in the administration of a new shop."""
    shop = platform.site.open_shop(name or f"payer-{next(_NUMBERS)}")
    platform.site.install(shop)
    token = platform.site.session_token(shop)
    arrived = signingin.arrive(shopify.session(token), token)
    member = arrived.member
    return Payer(platform, shop, Shop(member.user, member.workspace, arrived.store, None, storage_url))  # type: ignore[arg-type]
