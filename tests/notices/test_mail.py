"""What members get by mail: once, folded, not too often, with a switch that works without a login."""

from __future__ import annotations

import datetime as dt
import re
import smtplib
from io import StringIO
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Member, Role
from apps.flow import noticing
from apps.jobs.models import BatchState, Job, JobState
from apps.notices import selectors
from apps.notices.models import How, Kind, Mail, Notice
from apps.notices.services import choosing, sending, telling
from apps.storage.services import keeping
from apps.stores import services as stores
from apps.stores.models import Store
from apps.usage.models import Budget, Record
from tests import factories


@pytest.fixture
def anna(db: None, settings: Any) -> Member:
    settings.PUBLIC_URL = "https://photos.example.com"
    return factories.MemberFactory(user__email="anna@example.com", workspace__name="Anna's shop")


def happen(
    member: Member, subject: str = "store:1", kind: str = Kind.STORE_KEYS, **words: Any
) -> Notice | None:
    said = {"title": f"About {subject}", "body": "It needs you.", "path": "/stores/", **words}
    return telling.tell(member.workspace_id, kind, subject, **said)


def post() -> list[Any]:
    """Let time pass until everything that waits is due, send it, and return what arrived."""
    Mail.objects.filter(work_state="waiting").update(not_before=timezone.now())
    outbox.outbox = []
    for pk in Mail.objects.filter(Mail.free()).order_by("pk").values_list("pk", flat=True):
        sending.send(pk)
    return list(outbox.outbox)


def off_address(message: Any) -> str:
    return message.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("https://photos.example.com")


def test_a_notice_is_told_once_however_often_it_is_noticed(anna: Member) -> None:
    assert happen(anna) and happen(anna) is None
    [message] = post()
    assert message.to == ["anna@example.com"]
    assert message.subject == "About store:1 · Anna's shop"
    assert "https://photos.example.com/stores/" in message.body
    assert happen(anna) is None and post() == []
    telling.over(anna.workspace_id, Kind.STORE_KEYS)
    assert happen(anna), "it came back, so it is news"
    assert len(post()) == 1


def test_a_hundred_failures_are_one_mail(anna: Member) -> None:
    for number in range(100):
        happen(anna, f"store:{number}")
    [message] = post()
    assert "and 99 more" in message.subject and "And 80 more." in message.body
    assert message.body.count("It needs you.") == sending.SHOWN


def test_nobody_gets_more_than_a_few_mails_an_hour(anna: Member) -> None:
    for number in range(telling.MOST_PER_HOUR):
        happen(anna, f"store:{number}")
        assert len(post()) == 1
    happen(anna, "store:99")
    [waiting] = Mail.objects.filter(work_state="waiting")
    assert waiting.not_before > timezone.now() + dt.timedelta(minutes=50)


def test_two_senders_send_one_mail(anna: Member) -> None:
    happen(anna)
    Mail.objects.update(not_before=timezone.now())
    [pk] = Mail.objects.values_list("pk", flat=True)
    outbox.outbox = []
    assert [sending.send(pk), sending.send(pk)] == [True, False]
    assert len(outbox.outbox) == 1


def test_a_server_that_says_no_is_asked_again_later_and_nothing_is_lost(
    anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(anna)
    with monkeypatch.context() as patch:
        refused = ConnectionRefusedError(111, "Connection refused")
        patch.setattr(sending.EmailMultiAlternatives, "send", lambda _: (_ for _ in ()).throw(refused))
        assert post() == []
    [waiting] = Mail.objects.all()
    assert (waiting.work_state, waiting.tries) == ("waiting", 1)
    assert waiting.not_before > timezone.now() and "refused" in waiting.error
    happen(anna, "store:2")
    assert len(post()) == 2, "what came meanwhile goes by itself"


def test_an_address_that_does_not_exist_is_not_tried_for_ever(
    anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(anna)
    refused = smtplib.SMTPRecipientsRefused({"anna@example.com": (550, b"no such user")})
    monkeypatch.setattr(sending.EmailMultiAlternatives, "send", lambda _: (_ for _ in ()).throw(refused))
    post()
    assert Mail.objects.get().work_state == "failed"


def test_the_switch_in_a_mail_works_with_one_click_and_without_a_login(anna: Member) -> None:
    happen(anna)
    [message] = post()
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = off_address(message)
    stranger = Client(enforce_csrf_checks=True)
    assert "Stop mail to you?" in stranger.get(address).content.decode()
    assert selectors.wishes(anna)[Kind.STORE_KEYS] == How.AT_ONCE, "looking at it changes nothing"
    answer = stranger.post(
        address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    wishes = selectors.wishes(anna)
    assert wishes[Kind.STORE_KEYS] == How.OFF and wishes[Kind.BATCH] == How.AT_ONCE
    happen(anna, "store:2")
    assert post() == []
    stranger.post(address, {"all": "1"})
    assert set(selectors.wishes(anna).values()) == {How.OFF}


def test_a_forged_switch_and_one_of_a_former_member_do_nothing(anna: Member) -> None:
    address = choosing.off_url(anna, [Kind.BATCH]).removeprefix("https://photos.example.com")
    broken = re.sub(r"/mail/off/.", "/mail/off/x", address)
    assert Client().post(broken).status_code == 404
    anna.delete()
    assert Client().post(address).status_code == 404


def test_what_was_switched_off_before_the_mail_went_is_not_sent(anna: Member) -> None:
    happen(anna)
    choosing.choose(anna, {Kind.STORE_KEYS: How.OFF}, by="test")
    assert post() == [] and Mail.objects.get().work_state == "done"


def test_a_daily_mail_goes_in_the_morning_with_all_that_came_up(anna: Member) -> None:
    choosing.choose(anna, {Kind.STORE_KEYS: How.DAILY, Kind.BATCH: How.DAILY}, by="test")
    happen(anna)
    happen(anna, "batch:4", Kind.BATCH)
    [waiting] = Mail.objects.all()
    assert waiting.daily and waiting.not_before.hour == 6 and waiting.not_before > timezone.now()
    [message] = post()
    assert message.subject.startswith("Today: ") and "About store:1" in message.body


def test_members_hear_what_their_role_needs_and_strangers_nothing(anna: Member) -> None:
    for role, email in (
        (Role.REVIEWER, "ben@example.com"),
        (Role.VIEWER, "cleo@example.com"),
        (Role.OWNER, ""),
    ):
        factories.MemberFactory(workspace=anna.workspace, role=role, user__email=email)
    factories.MemberFactory(user__email="stranger@example.com")
    happen(anna)
    happen(anna, "batch:4", Kind.BATCH)
    assert sorted(m.to[0] for m in post()) == ["anna@example.com", "ben@example.com"]


def test_html_is_escaped_and_a_name_with_line_breaks_makes_no_header(anna: Member) -> None:
    happen(anna, title="Mugs\r\nBcc: all@example.com <b>", body="<script>alert(1)</script>")
    [message] = post()
    assert "\n" not in message.subject
    [(html, kind)] = message.alternatives
    assert kind == "text/html" and "<script>" not in html and "&lt;script&gt;" in html
    assert "<script>alert(1)</script>" in message.body, "text is text"


# -- what is noticed -------------------------------------------------------------------------------------------


@pytest.fixture
def store(anna: Member) -> Store:
    return factories.StoreFactory(workspace=anna.workspace, name="Mug shop")


def told() -> list[str]:
    noticing.look()
    return [message.subject.split(" · ")[0] for message in post()]


def test_a_quiet_house_sends_nothing(store: Store) -> None:
    assert told() == []


def test_a_store_that_refuses_our_keys_is_told_until_it_is_connected_again(store: Store) -> None:
    stores.note_problem(store, "The store no longer accepts our keys.")
    assert told() == ["Mug shop needs to be connected again"]
    assert told() == []
    Store.objects.update(state="connected", problem="")
    told()
    assert not Notice.objects.filter(ended_at=None).exists()
    stores.note_problem(store, "The store no longer accepts our keys.")
    assert told() == ["Mug shop needs to be connected again"]


def test_a_store_that_does_not_answer_is_told(store: Store) -> None:
    for number in range(3):
        factories.PublicationFactory(
            item__job__photo__product__store=store, waiting=True, tries=4, error=f"timeout {number}"
        )
    assert told() == ["Mug shop does not answer"]


def test_a_budget_warns_and_then_says_that_it_is_used_up(anna: Member) -> None:
    Budget.objects.create(workspace=anna.workspace, warn_micros=1_000_000, stop_micros=2_000_000)

    def spend(attempt: int) -> None:
        Record.objects.create(
            workspace=anna.workspace, attempt=attempt, job=1, engine="classic", device="cpu", device_seconds=3,
            cost_micros=1_000_000, outcome="done",
        )  # fmt: skip

    assert told() == []
    spend(1)
    assert told() == ["This month's budget is nearly used up"]
    spend(2)
    assert told() == ["This month's budget is used up"]


def test_room_that_gets_scarce_is_told_with_what_to_do(
    anna: Member, storage_root: Any, redis_url: str
) -> None:
    from apps.lib import blobs

    blobs.save(f"{anna.workspace_id}/1/originals/x", b"x" * 90)
    keeping.change(anna.workspace, {"budget_bytes": 100}, by="test")
    noticing.look()
    [message] = post()
    assert message.subject.startswith("Room for pictures gets scarce")
    assert "Shorten how long pictures are kept" in message.body
    keeping.change(anna.workspace, {"budget_bytes": 90}, by="test")
    assert told() == ["There is no room for more pictures"]


def test_photos_that_wait_while_no_worker_lives_are_told(store: Store) -> None:
    job = factories.JobFactory(photo__product__store=store)
    assert told() == [], "it has only just begun to wait"
    long_ago = timezone.now() - dt.timedelta(hours=1)
    Job.objects.filter(pk=job.pk).update(created_at=long_ago, not_before=long_ago)
    assert told() == ["Nothing renders your photos"]
    factories.WorkerFactory()
    told()
    assert not Notice.objects.filter(ended_at=None).exists()


def test_a_batch_that_ends_or_stands_at_its_cap_is_told_once(store: Store) -> None:
    batch = factories.BatchFactory(store=store, name="Spring", cap_micros=5)
    job = factories.JobFactory(photo__product__store=store, batch=batch)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_tally (batch_id, kind, reason, amount) VALUES (%s, 'cost', '', 5)", [batch.pk]
        )
    assert told() == ["Spring has cost all it may"]
    assert told() == []
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, finished_at=timezone.now())
    assert told() == ["Spring is finished"]
    assert told() == []
    assert batch.state == BatchState.RUNNING


# -- the doors -------------------------------------------------------------------------------------------------


def test_a_test_mail_says_what_the_server_says(anna: Member, settings: Any) -> None:
    out = StringIO()
    call_command("notices", "--test", "me@example.com", stdout=out)
    assert outbox.outbox[-1].to == ["me@example.com"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1.*EMAIL_URL"):
        call_command("notices", "--test", "me@example.com", stdout=out)


def test_the_command_sends_what_is_due(anna: Member) -> None:
    out = StringIO()
    happen(anna)
    Mail.objects.update(not_before=timezone.now())
    call_command("notices", "--send", stdout=out)
    assert "1 sent now" in out.getvalue()


def test_a_member_chooses_on_a_page(anna: Member) -> None:
    browser = Client()
    browser.force_login(anna.user)
    assert "anna@example.com" in browser.get("/notices/").content.decode()
    chosen = {**dict.fromkeys(Kind.values, "off"), Kind.BATCH.value: "daily"}
    assert "Saved." in browser.post("/notices/", chosen, follow=True).content.decode()
    assert selectors.wishes(anna) == chosen
    assert "Choose one" in browser.post("/notices/", {}, follow=True).content.decode()
