"""The trail is append-only, chained, and says which row somebody touched."""

from __future__ import annotations

import json
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import selectors, services
from apps.audit.models import Detail, Event, Seal

TABLES = ("audit_event", "audit_seal", "audit_redaction")


def write_some(count: int = 5, workspace: int = 7) -> list[Event]:
    events = [
        services.record("photo.published", workspace=workspace, subject=f"job:{n}", n=n) for n in range(count)
    ]
    services.seal()
    return events


def behind_its_back(sql: str) -> None:
    """Change the trail as a superuser who switches the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql)
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_an_untouched_trail_is_ok(db: None) -> None:
    write_some()
    services.record("late", workspace=7)
    report = selectors.verify()
    assert report.ok
    assert (report.events, report.sealed, report.unsealed) == (6, 5, 1)


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("table", ["audit_event", "audit_seal"])
def test_postgresql_itself_refuses_to_change_the_trail(db: None, table: str, statement: str) -> None:
    write_some()
    column = "verb" if table == "audit_event" else "hash"
    sql = statement.format(table, column, "'x'")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # the fixture lifts TRUNCATE's
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


def test_the_apps_own_role_can_not_lift_the_triggers(app_database_url: str) -> None:
    with psycopg.connect(app_database_url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")


def test_verify_names_a_row_that_was_changed(db: None) -> None:
    victim = write_some()[2]
    behind_its_back(f"UPDATE audit_event SET actor = 'nobody' WHERE id = {victim.pk}")
    report = selectors.verify()
    assert [line for line in report.broken if f"event {victim.pk} " in line]
    assert len(report.broken) == 1


def test_verify_names_a_detail_that_was_changed(db: None) -> None:
    victim = write_some()[1]
    Detail.objects.filter(event=victim).update(body={"n": 99})
    assert selectors.verify().broken == [f"event {victim.pk} (photo.published): its detail was changed"]


def test_verify_notices_a_row_that_was_removed(db: None) -> None:
    victim = write_some()[2]
    behind_its_back(
        f"DELETE FROM audit_detail WHERE event_id = {victim.pk};"
        f"DELETE FROM audit_seal WHERE event_id = {victim.pk};"
        f"DELETE FROM audit_event WHERE id = {victim.pk}"
    )
    assert any("link 3 is missing" in line for line in selectors.verify().broken)


def test_verify_notices_a_row_that_was_slipped_in(db: None) -> None:
    write_some()
    slipped = services.record("photo.published", workspace=7)
    behind_its_back(f"DELETE FROM audit_pending WHERE event_id = {slipped.pk}")
    assert selectors.verify().broken == [f"event {slipped.pk}: inserted without a seal"]


def test_redaction_forgets_a_person_and_keeps_the_chain_whole(db: None) -> None:
    event = write_some()[0]
    services.redact(event, by="user:1")
    services.seal()
    report = selectors.verify()
    assert report.ok and report.redacted == 1
    assert not Detail.objects.filter(event=event).exists()


def test_a_change_that_is_rolled_back_leaves_no_event(db: None) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.record("photo.published", workspace=7)
        raise RuntimeError
    assert not Event.objects.exists()


def test_each_workspace_has_a_chain_of_its_own(db: None) -> None:
    write_some(3, workspace=1)
    write_some(2, workspace=2)
    assert list(Seal.objects.order_by("workspace", "seq").values_list("workspace", "seq")) == [
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 2),
    ]  # fmt: skip


def test_the_command_says_ok_and_ends_with_one_when_it_is_not(db: None) -> None:
    victim = write_some()[0]
    out = StringIO()
    call_command("audit", "verify", "--json", stdout=out)
    assert json.loads(out.getvalue())["ok"] is True
    behind_its_back(f"UPDATE audit_event SET verb = 'x' WHERE id = {victim.pk}")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify", stdout=out)
    assert ended.value.code == 1
    assert f"event {victim.pk} (x): its row was changed after it was sealed" in out.getvalue()
