"""Mistakes in the environment, told at start with a hint."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register("environment")
def environment(**_: Any) -> list[CheckMessage]:
    """config.E001–E004 stop the server, config.W001–W002 are told and let it run."""
    found: list[CheckMessage] = []
    if not settings.SECRET_KEY:
        found.append(
            Error("SECRET_KEY is empty.", hint="Set it to 50 or more random characters.", id="config.E001")
        )
    if not settings.FIELD_KEYS:
        found.append(
            Error(
                "FIELD_KEYS is empty, so store credentials can't be encrypted.",
                hint="Run `manage.py newkey` and set FIELD_KEYS to what it prints.",
                id="config.E002",
            )
        )
    for key in settings.FIELD_KEYS:
        try:
            Fernet(key)
        except ValueError:
            found.append(
                Error(
                    "FIELD_KEYS holds something that is no key.",
                    hint="Each comma-separated part must come from `manage.py newkey`.",
                    id="config.E003",
                )
            )
    public = urlsplit(settings.PUBLIC_URL)
    if public.scheme not in {"http", "https"} or not public.hostname:
        found.append(
            Error(
                f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is no web address.",
                hint="Set it to the address under which stores reach this server, such as https://photos.example.com",
                id="config.E004",
            )
        )
    elif public.scheme == "http" and not settings.EMBEDDED:
        found.append(
            Warning(
                "PUBLIC_URL is plain http: logins and webhooks travel readable.",
                hint="Put TLS in front and set PUBLIC_URL to the https address.",
                id="config.W001",
            )
        )
    if settings.ALLOW_PRIVATE_HOSTS:
        found.append(
            Warning(
                f"ALLOW_PRIVATE_HOSTS lets merchants' addresses reach {', '.join(settings.ALLOW_PRIVATE_HOSTS)}.",
                hint="Keep it empty unless a store really lives on your own network.",
                id="config.W002",
            )
        )
    return found


@register("environment")
def billing(**_: Any) -> list[CheckMessage]:
    """config.E007: who pays."""
    if settings.BILLING in {"none", "shopify"}:
        return []
    return [
        Error(
            f"BILLING is {settings.BILLING!r}, and nothing bills so.",
            hint="Set it to shopify, or leave it out where nobody pays.",
            id="config.E007",
        )
    ]


@register("environment")
def shopify(**_: Any) -> list[CheckMessage]:
    """config.E005–E006, config.W003: the app at Shopify."""
    if bool(settings.SHOPIFY_API_KEY) != bool(settings.SHOPIFY_API_SECRET):
        return [
            Error(
                "Of SHOPIFY_API_KEY and SHOPIFY_API_SECRET only one is set.",
                hint="Set both to the client id and secret that the app has at Shopify, or none.",
                id="config.E005",
            )
        ]
    if settings.SHOPIFY_API_SECRET_OLD and settings.SHOPIFY_API_SECRET_OLD == settings.SHOPIFY_API_SECRET:
        return [
            Error(
                "SHOPIFY_API_SECRET_OLD is the same as SHOPIFY_API_SECRET.",
                hint="Set it to the secret before this one while you change it, and take it away an hour later.",
                id="config.E006",
            )
        ]
    if settings.SHOPIFY_API_KEY and not settings.PUBLIC_URL.startswith("https://"):
        return [
            Warning(
                "Shopify opens apps by https only, and PUBLIC_URL is not.",
                hint="Put TLS in front and set PUBLIC_URL to the https address.",
                id="config.W003",
            )
        ]
    return []
