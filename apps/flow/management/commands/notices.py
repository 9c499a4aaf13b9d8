"""`manage.py notices`: what waits in the outbox; `--test ADDRESS` sends a mail now and says what the server says."""

from __future__ import annotations

import smtplib
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import Count

from apps.flow import noticing
from apps.flow.management.door import Door
from apps.notices.models import Mail
from apps.notices.services import sending


class Command(Door):
    help = "Mail to members: what waits, a test mail, or send what is due now."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--test", metavar="ADDRESS", help="send a test mail to this address")
        parser.add_argument("--send", action="store_true", help="look what happened and send what is due now")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if options["test"]:
            return self._test(options["test"])
        sent = 0
        if options["send"]:
            noticing.look()
            due = Mail.objects.filter(Mail.free()).order_by("pk").values_list("pk", flat=True)
            sent = sum(sending.send(pk) for pk in list(due))
        states = dict(Mail.objects.order_by().values_list("work_state").annotate(n=Count("pk")))
        trouble = Mail.objects.exclude(error="").order_by("-pk").values_list("error", flat=True).first() or ""
        answer = {"sent": sent, "mails": states, "trouble": trouble}
        words = ", ".join(f"{n} {state}" for state, n in states.items()) or "no mail yet"
        return answer, f"{sent} sent now. {words}.{f' Last trouble: {trouble}' if trouble else ''}"

    def _test(self, address: str) -> tuple[dict[str, Any], str]:
        backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
        try:
            sending.test_message(address).send()
        except (OSError, smtplib.SMTPException) as error:
            raise CommandError(
                f"The mail did not go ({backend}, {settings.EMAIL_HOST}:{settings.EMAIL_PORT}): {error}. "
                "Look at EMAIL_URL, such as smtp+tls://user:password@mail.example.com:587"
            ) from error
        where = {
            "console": "It stands above: no EMAIL_URL is set, so mail is only printed.",
            "filebased": f"It lies in {settings.EMAIL_FILE_PATH}: no EMAIL_URL is set, so no mail leaves this machine.",
        }.get(backend, f"{settings.EMAIL_HOST} took it.")
        return {"to": address, "backend": backend, "ok": True}, f"A test mail for {address}. {where}"
