"""A process that charges is killed with -9, again and again; every picture is charged, and none twice."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.billing.models import Charge, Charged
from connectors.sandbox.shopify.server import ShopifySandbox
from tests.billing import paying as hands

CHECKOUT = Path(__file__).resolve().parents[2]
ROUND = """
import django; django.setup()
from apps.billing.models import Charge
from apps.billing.services import charging
from apps.flow import paying
paying.bill()
for pk in Charge.hints(100):
    charging.send(pk)
"""


@pytest.mark.timeout(180)
def test_each_picture_is_charged_once_whenever_the_process_dies(
    platform: ShopifySandbox,
    transactional_db: None,
    storage_root: Path,
    redis_url: str,
    settings: Any,
) -> None:
    hands.set_up(platform, settings)
    hands.offer()
    payer = hands.come_in(platform, f"file://{storage_root}")
    payer.agree()
    payer.finish(5)
    database = connection.settings_dict["NAME"]
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "apps.config.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/vitrine?", f"/{database}?"),
        "REDIS_URL": redis_url,
        "ALLOW_PRIVATE_HOSTS": settings.ALLOW_PRIVATE_HOSTS[0],
        "SHOPIFY_API_KEY": settings.SHOPIFY_API_KEY,
        "SHOPIFY_API_SECRET": settings.SHOPIFY_API_SECRET,
        "SHOPIFY_API_ROOT": settings.SHOPIFY_API_ROOT,
        "BILLING": "shopify",
    }

    def killed_at(call: str, when: str) -> None:
        """A round in a process of its own that dies while Shopify answers this call."""
        process: list[subprocess.Popen[bytes]] = []
        platform.faults.add(f"^POST /{payer.name}.* {call}$", when, then=lambda: process[0].kill())
        process.append(subprocess.Popen([sys.executable, "-c", ROUND], cwd=CHECKOUT, env=env))
        assert process[0].wait(timeout=90) == -9
        row = Charge.objects.get()
        assert (row.work_state, row.sent) == ("running", True), "nobody knows whether it is booked"
        past = timezone.now() - dt.timedelta(seconds=1)
        Charge.objects.update(lease_until=past, hint_after=past)

    killed_at("BillingCharge", "close_before")
    assert payer.booked() == []
    killed_at("BillingCharge", "close_after")
    assert len(payer.booked()) == 1
    killed_at("BillingCharged", "close_after")
    payer.finish(2)
    payer.bill()
    payer.bill()
    assert sorted(Charge.objects.values_list("pictures", "work_state")) == [(2, "done"), (5, "done")]
    assert len(payer.booked()) == 2 and payer.paid() == pytest.approx(0.35)
    assert Charged.objects.count() == 7
    sent = platform.faults.requests(f"^POST /{payer.name}.* BillingCharge$")
    assert len(sent) == 3, "twice the first, and the second once"
