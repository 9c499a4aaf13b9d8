"""Send what waits in the outbox through Django's mail backend: each mail once, again later where the server says no."""

from __future__ import annotations

import smtplib
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from apps.lib.work import backoff_s
from apps.notices import selectors
from apps.notices.models import How, Kind, Mail, Notice
from apps.notices.services import choosing

log = structlog.get_logger(__name__)

MAX_TRIES = 8
RETRY_BASE_S, RETRY_CAP_S = 60.0, 4 * 3600.0
SHOWN = 20


def send(pk: int) -> bool:
    """Send one mail; whether it went. It is dropped where nobody wants to read what is in it any more."""
    mail = Mail.claim(pk)
    if mail is None:
        return False
    notices = _wanted(mail)
    if not notices:
        mail.finish()
        return False
    try:
        message_for(mail, notices).send()
    except smtplib.SMTPRecipientsRefused as error:
        mail.give_up(f"The mail server refuses the address: {error}")
        return False
    except (OSError, smtplib.SMTPException) as error:
        # OSError: refused, timed out, no such host. What was meant for this mail stays in it.
        log.warning("mail_not_sent", mail=mail.pk, tries=mail.tries, error=str(error))
        if mail.tries >= MAX_TRIES:
            mail.give_up(f"Given up after {mail.tries} tries: {error}")
        else:
            mail.later(backoff_s(mail.tries, base_s=RETRY_BASE_S, cap_s=RETRY_CAP_S), str(error))
        return False
    mail.finish(sent_at=timezone.now())
    return True


def _wanted(mail: Mail) -> list[Notice]:
    """What the member still wants to hear of; for a daily mail also only what still holds, or happened since."""
    wishes = selectors.wishes(mail.member)
    if not mail.member.user.is_active or not mail.member.user.email:
        return []
    return [n for n in mail.notices.order_by("-at") if wishes[n.kind] != How.OFF]


def message_for(mail: Mail, notices: list[Notice]) -> EmailMultiAlternatives:
    """The whole mail, with text and HTML and a switch that needs no login (RFC 8058: one click, by POST)."""
    kinds = sorted({n.kind for n in notices})
    off = choosing.off_url(mail.member, kinds)
    context = {
        "workspace": mail.member.workspace,
        "daily": mail.daily,
        "notices": [(n, settings.PUBLIC_URL + n.path) for n in notices[:SHOWN]],
        "more": max(0, len(notices) - SHOWN),
        "off": off,
        "kinds": [str(Kind(kind).label) for kind in kinds],
        "choose": f"{settings.PUBLIC_URL}/notices/",
    }
    message = EmailMultiAlternatives(
        subject=_subject(mail, notices),
        body=render_to_string("notices/mail.txt", context),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.member.user.email],
        headers={
            "Message-ID": f"<{mail.uid}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "List-Unsubscribe": f"<{off}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",  # RFC 3834: holiday replies do not answer it
        },
    )
    message.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    return message


def _subject(mail: Mail, notices: list[Notice]) -> str:
    """One line, whatever a store or a batch is called."""
    first = " ".join(notices[0].title.split())
    more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
    daily = "Today: " if mail.daily else ""
    return f"{daily}{first}{more} · {' '.join(mail.member.workspace.name.split())}"


def test_message(address: str) -> EmailMultiAlternatives:
    """What `manage.py notices --test` sends."""
    text = f"This is a test of Vitrine at {settings.PUBLIC_URL}. Mail to your address works."
    return EmailMultiAlternatives("Mail from Vitrine works", text, settings.DEFAULT_FROM_EMAIL, [address])
