"""Who may do what: every address of the dashboard, walked by every role."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role
from apps.accounts.selectors import at_least
from apps.dashboard.urls import pages
from apps.stores.models import Approval
from tests.dashboard.merchants import Merchant, log_in, person

VIEW, DECIDE, OWN = Role.VIEWER, Role.REVIEWER, Role.OWNER
# name → who may look (None: it has no page), who may change (None: nothing changes here)
TABLE: dict[str, tuple[Role | None, Role | None]] = {
    "home": (VIEW, None),
    "live": (VIEW, None),
    "stores": (VIEW, None),
    "connect": (OWN, None),
    "connect-ways": (OWN, None),
    "connect-ask": (None, OWN),
    "connect-paste": (OWN, OWN),
    "password-back": (OWN, None),
    "keys-back": (OWN, None),
    "approval": (OWN, None),
    "approval-live": (OWN, None),
    "store-connected": (VIEW, None),
    "try-again": (None, OWN),
    "store": (VIEW, None),
    "sync": (None, OWN),
    "sync-state": (VIEW, None),
    "ask-now": (None, DECIDE),
    "check-webhooks": (None, OWN),
    "rules": (VIEW, None),
    "rule-new": (OWN, OWN),
    "rule-ahead": (OWN, OWN),
    "rule": (OWN, OWN),
    "rule-move": (None, OWN),
    "regenerate": (OWN, OWN),
    "preflight": (OWN, OWN),
    "batches": (VIEW, None),
    "batch": (VIEW, None),
    "batch-live": (VIEW, None),
    "batch-move": (None, DECIDE),
    "batch-cap": (None, OWN),
    "batch-clone": (None, OWN),
    "batch-take-back": (OWN, OWN),
    "take-back": (OWN, OWN),
    "take-back-ahead": (OWN, OWN),
    "unused-media": (VIEW, None),
    "cleaning-live": (VIEW, None),
    "clean-media": (None, OWN),
    "stop-cleaning": (None, DECIDE),
    "reversals": (VIEW, None),
    "reversal": (VIEW, None),
    "reversal-live": (VIEW, None),
    "reversal-move": (None, DECIDE),
    "shop-people": (None, OWN),
    "privacy": (OWN, None),
    "privacy-record": (OWN, None),
    "disconnect": (OWN, OWN),
    "products": (VIEW, None),
    "product": (VIEW, None),
    "product-live": (VIEW, None),
    "product-again": (None, OWN),
    "jobs": (VIEW, None),
    "job-rows": (VIEW, None),
    "job": (VIEW, None),
    "job-live": (VIEW, None),
    "cancel": (None, DECIDE),
    "release": (None, DECIDE),
    "rendering": (VIEW, None),
    "set-pace": (None, OWN),
    "pause-rendering": (None, OWN),
    "set-store-pace": (None, OWN),
    "pause-store": (None, OWN),
    "usage": (VIEW, None),
    "usage-csv": (VIEW, None),
    "set-budget": (None, OWN),
    "plan": (VIEW, None),
    "plan-ask": (None, OWN),
    "plan-cap": (None, OWN),
    "plan-cancel": (None, OWN),
    "plan-back": (VIEW, None),
    "review": (VIEW, None),
    "review-item": (VIEW, None),
    "approve-shown": (None, DECIDE),
    "decide": (None, DECIDE),
    "mark": (DECIDE, DECIDE),
    "again": (VIEW, None),
    "forget-marks": (None, DECIDE),
    "notices": (VIEW, VIEW),
    "set-address": (None, VIEW),
    "storage": (VIEW, None),
    "set-keeping": (None, OWN),
    "publications": (VIEW, None),
    "publication-rows": (VIEW, None),
    "publication": (VIEW, None),
    "publication-live": (VIEW, None),
    "undo": (None, DECIDE),
    "retry": (None, DECIDE),
    "audit": (VIEW, None),
    "verify": (VIEW, None),
    "recipes": (VIEW, None),
    "recipe-scale": (None, OWN),
    "recipe-publish": (None, OWN),
    "photo": (VIEW, None),
    "render-file": (VIEW, None),
}
# Asked without what a store or a form brings along, these lead to the wizard's beginning.
LEADS_ON = {"connect-ways", "password-back", "keys-back", "plan-back"}


def address(name: str, merchant: Merchant) -> str:
    rows = {
        "approval": merchant.approval.pk,
        "approval-live": merchant.approval.pk,
        "store-connected": merchant.store.pk,
        "try-again": merchant.store.pk,
        "store": merchant.store.pk,
        "sync": merchant.store.pk,
        "sync-state": merchant.store.pk,
        "ask-now": merchant.store.pk,
        "check-webhooks": merchant.store.pk,
        "rules": merchant.store.pk,
        "rule-new": merchant.store.pk,
        "rule-ahead": merchant.store.pk,
        "rule": merchant.rule.pk,
        "rule-move": merchant.rule.pk,
        "regenerate": merchant.store.pk,
        "preflight": merchant.store.pk,
        "batch": merchant.batch.pk,
        "batch-live": merchant.batch.pk,
        "batch-move": merchant.batch.pk,
        "batch-cap": merchant.batch.pk,
        "batch-clone": merchant.batch.pk,
        "batch-take-back": merchant.batch.pk,
        "take-back": merchant.store.pk,
        "take-back-ahead": merchant.store.pk,
        "unused-media": merchant.store.pk,
        "cleaning-live": merchant.store.pk,
        "clean-media": merchant.store.pk,
        "stop-cleaning": merchant.store.pk,
        "reversal": merchant.reversal.pk,
        "reversal-live": merchant.reversal.pk,
        "reversal-move": merchant.reversal.pk,
        "shop-people": merchant.store.pk,
        "privacy": merchant.store.pk,
        "disconnect": merchant.store.pk,
        "product": merchant.product.pk,
        "product-live": merchant.product.pk,
        "product-again": merchant.product.pk,
        "job": merchant.queued_job.pk,
        "job-live": merchant.queued_job.pk,
        "cancel": merchant.queued_job.pk,
        "release": merchant.queued_job.pk,
        "set-store-pace": merchant.store.pk,
        "pause-store": merchant.store.pk,
        "plan-ask": merchant.store.pk,
        "plan-cap": merchant.store.pk,
        "plan-cancel": merchant.store.pk,
        "plan-back": merchant.store.pk,
        "review-item": merchant.waiting.pk,
        "decide": merchant.waiting.pk,
        "mark": merchant.waiting.pk,
        "again": merchant.waiting.pk,
        "forget-marks": merchant.waiting.job.photo_id,
        "recipe-scale": merchant.version.recipe_id,
        "recipe-publish": merchant.version.recipe_id,
        "publication": merchant.live.pk,
        "publication-live": merchant.live.pk,
        "undo": merchant.live.pk,
        "retry": merchant.failed_write.pk,
    }
    args: list[object] = [rows[name]] if name in rows else []
    if name == "privacy-record":
        args = [merchant.store.pk, merchant.privacy.pk]
    if name == "photo":
        args = [merchant.waiting.job.photo_id, "160"]
    if name == "render-file":
        args = [merchant.waiting.render_id, "main", "160"]
    return reverse(f"dashboard:{name}", args=args)


def expected(role: Role, needed: Role | None) -> int | None:
    """403 or 405; None for "let in"."""
    if needed is None:
        return 405
    return None if at_least(role, needed) else 403


def asked_for_access(merchant: Merchant, client: Client) -> None:
    """What the store brings back is shown to whoever asked, and to nobody else."""
    Approval.objects.filter(pk=merchant.approval.pk).update(asked_by=f"user:{person(client).pk}")


def test_the_table_names_every_address() -> None:
    assert set(TABLE) == {page.name for page in pages}


@pytest.mark.parametrize("role", [VIEW, DECIDE, OWN])
def test_each_role_sees_what_it_may_see(role: Role, merchant: Merchant) -> None:
    client = log_in(merchant.workspace, role)
    asked_for_access(merchant, client)
    for name, (look, _) in TABLE.items():
        answer = client.get(address(name, merchant))
        wanted = expected(role, look)
        welcome = {302} if name in LEADS_ON else {200, 286}
        assert answer.status_code == wanted if wanted else answer.status_code in welcome, name


@pytest.mark.parametrize("role", [VIEW, DECIDE])
def test_each_role_changes_only_what_it_may_change(role: Role, merchant: Merchant) -> None:
    client = log_in(merchant.workspace, role)
    for name, (_, change) in TABLE.items():
        answer = client.post(address(name, merchant))
        wanted = expected(role, change)
        assert answer.status_code == wanted if wanted else answer.status_code in {302, 409}, name


def test_nothing_is_shown_or_changed_without_a_login(merchant: Merchant, client: Client) -> None:
    for name in TABLE:
        for answer in (client.get(address(name, merchant)), client.post(address(name, merchant))):
            assert answer.status_code == 302 and answer["Location"].startswith("/login/"), name


def test_a_viewer_can_not_approve_and_is_told_so(merchant: Merchant, viewer: Client) -> None:
    answer = viewer.post(address("decide", merchant), {"decision": "approve"})
    assert answer.status_code == 403
    assert "reviewer" in answer.content.decode()
    merchant.waiting.refresh_from_db()
    assert merchant.waiting.state == "pending"


def test_a_viewer_sees_no_button_that_would_refuse(merchant: Merchant, viewer: Client) -> None:
    for name in (
        "review",
        "publications",
        "product",
        "store",
        "rules",
        "job",
        "batch",
        "reversal",
        "unused-media",
    ):
        html = viewer.get(address(name, merchant)).content.decode()
        assert html.count('method="post"') == 1, f"{name}: only the log-out form"


def test_a_change_without_the_forms_token_is_refused(merchant: Merchant, owner: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    answer = strict.post(address("decide", merchant), {"decision": "approve"})
    assert answer.status_code == 403
    assert "too old" in answer.content.decode()
