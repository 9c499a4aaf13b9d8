"""The page of storage: what files take up, how full it is, and how long an owner wants things kept."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.storage import selectors
from apps.storage.services import keeping
from apps.storage.services.survey import survey
from tests.dashboard.merchants import Merchant

DAYS = {"rejected_days": 30, "unused_days": 365, "gone_days": 365, "thumbnail_days": 60}


def text(client: Client, address: str = "/storage/") -> str:
    return client.get(address).content.decode()


def test_an_owner_sees_what_files_take_up_by_kind(
    merchant: Merchant, neighbour: Merchant, owner: Client, redis_url: str
) -> None:
    assert "is counted every hour" in text(owner)
    survey()
    html = text(owner)
    assert "Original photos" in html and "Finished pictures and cut-outs" in html
    originals = next(h for h in selectors.holdings(merchant.workspace.pk) if h.kind == "originals")
    assert f'data-label="Files">{originals.files}<' in html


def test_an_owner_says_how_long_things_are_kept_and_a_viewer_only_reads_it(
    merchant: Merchant, owner: Client, viewer: Client
) -> None:
    said = {**DAYS, "rejected_days": "14"}
    assert "Saved." in owner.post("/storage/keeping/", said, follow=True).content.decode()
    assert selectors.keeping_of(merchant.workspace.pk).rejected_days == 14
    assert "14 days" in text(viewer) and "/storage/keeping/" not in text(viewer)
    assert "changed how long files are kept" in text(owner, "/audit/")


@pytest.mark.parametrize("days", ["0", "-1", "99999", "soon", ""])
def test_a_time_that_makes_no_sense_is_explained(merchant: Merchant, owner: Client, days: str) -> None:
    html = owner.post("/storage/keeping/", {**DAYS, "gone_days": days}, follow=True).content.decode()
    assert "Originals of deleted products" in html and 'role="alert"' in html
    assert selectors.keeping_of(merchant.workspace.pk).gone_days == 365


def test_a_full_storage_is_said_on_the_first_page_with_what_to_do(
    merchant: Merchant, owner: Client, redis_url: str
) -> None:
    survey()
    used = selectors.fill().of[merchant.workspace.pk]
    assert "room for" not in text(owner, "/").lower()
    keeping.change(merchant.workspace, {"budget_bytes": used + 1}, by="test")
    assert "Room for pictures gets scarce" in text(owner, "/")
    keeping.change(merchant.workspace, {"budget_bytes": used}, by="test")
    html = text(owner, "/")
    assert "There is no room for more pictures" in html and "Shorten how long pictures are kept" in html
    keeping.change(merchant.workspace, {"budget_bytes": None}, by="test")
    assert "room for" not in text(owner, "/").lower()
