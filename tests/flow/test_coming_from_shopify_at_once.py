"""Several people of one shop open Vitrine for the first time at the same moment."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import Identity, Member, User, Workspace
from apps.catalog.models import Sync
from apps.recipes.models import Recipe
from apps.stores import tokens
from apps.stores.models import Store
from connectors.errors import NeedsReauth
from tests import shopify_app
from tests.hands import at_once
from tests.shopify_app import ANNA, BEN, Shopify


@pytest.fixture
def house(
    transactional_db: None,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Shopify:
    monkeypatch.setattr("apps.flow.hints.hint", lambda *_: None)
    opened = shopify_app.open_house(settings, monkeypatch)
    opened.takes_s = 0.02
    return opened


def test_there_is_one_workspace_one_shop_and_one_owner(house: Shopify) -> None:
    people = itertools.cycle([ANNA, BEN])
    assert at_once(8, lambda: shopify_app.sign_in(user=next(people))) == []
    assert (
        Workspace.objects.count()
        == Store.objects.count()
        == Recipe.objects.count()
        == Sync.objects.count()
        == 1
    )
    assert User.objects.count() == Member.objects.count() == Identity.objects.count() == 2
    assert sorted(Member.objects.values_list("role", flat=True)) == ["owner", "reviewer"]
    assert tokens.current(Store.objects.get().pk).token


def test_a_shop_that_two_owners_connect_at_once_goes_to_one_of_them(house: Shopify) -> None:
    from apps.accounts import services as accounts
    from apps.flow import signingin
    from apps.stores import installing
    from apps.stores.services import TakenElsewhere

    owners = [
        accounts.create_owner(username=name, password="a long pass phrase", workspace_name=name)
        for name in ("olga", "paul")
    ]
    went = iter(
        [
            installing.begin("shopify", shopify_app.SHOP, workspace=workspace.pk, by=f"user:{user.pk}")
            for user, workspace in owners
        ]
    )
    by = iter([f"user:{user.pk}" for user, _ in owners])

    def back() -> None:
        sent, who = next(went), next(by)
        row = installing.came_back(
            "shopify", shopify_app.SHOP, state=sent.state, browser=sent.browser, by=who
        )
        signingin.installed(row, "a-code")

    [wrong] = at_once(2, back)
    # The second code may end the token of the first before that was tried.
    assert isinstance(wrong, TakenElsewhere | NeedsReauth)
    assert Store.objects.count() == 1


def test_what_was_begun_and_never_ended_is_forgotten_after_a_day(house: Shopify) -> None:
    import datetime as dt

    import time_machine
    from django.utils import timezone

    from apps.stores import installing
    from apps.stores.models import Install

    installing.begin("shopify", shopify_app.SHOP)
    assert installing.forget() == 0
    with time_machine.travel(timezone.now() + dt.timedelta(days=2)):
        assert installing.forget() == 1
    assert not Install.objects.exists()
