"""`manage.py prices [DEVICE --per-hour AMOUNT [--from DAY]]`: what an hour on each kind of device costs, and when."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow.management.door import Door, amount_from
from apps.usage import selectors, services
from apps.usage.selectors import Priced


class Command(Door):
    help = (
        "Show the dated price table, or set what an hour of device time costs from a day on. What was booked before "
        "keeps its price."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("device", nargs="?", help="cpu, cuda, or one model such as 'cuda:NVIDIA L4'")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--per-hour", metavar="AMOUNT", help="what an hour costs, such as 0.70")
        what.add_argument("--drop", action="store_true", help="take back the price that begins at --from")
        parser.add_argument(
            "--from", dest="day", metavar="YYYY-MM-DD", help="from this day on (UTC); today unless told"
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        device, day = options["device"], _day(options["day"])
        if device and options["per_hour"]:
            micros = amount_from("--per-hour", options["per_hour"])
            services.set_price(device, micros or 0, valid_from=day)
        elif device and options["drop"]:
            if day is None:
                raise CommandError("Say which with --from YYYY-MM-DD.")
            services.drop_price(device, valid_from=day)
        elif device or options["per_hour"] or options["drop"] or day:
            raise CommandError("To set a price, name a device and --per-hour AMOUNT.")
        found = selectors.price_list()
        return {"prices": [_told(price) for price in found]}, "\n".join(_line(price) for price in found)


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise CommandError(f"--from {text!r} is not a day such as 2026-12-01.") from error


def _told(price: Priced) -> dict[str, Any]:
    start = price.valid_from
    return {
        "device": price.device,
        "micros_per_hour": price.micros_per_hour,
        "valid_from": start.date().isoformat() if start else None,
        "state": price.state,
    }


def _line(price: Priced) -> str:
    since = f"from {price.valid_from:%Y-%m-%d}" if price.valid_from else "until a price is entered"
    return f"{price.device:<24} {price.micros_per_hour / 1e6:>12.4f} an hour {since} ({price.state})"
