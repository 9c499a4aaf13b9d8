"""`manage.py plan [NAME --picture AMOUNT --cap AMOUNT …]`: what stores that pay here are offered."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.billing import selectors
from apps.billing.models import Plan
from apps.billing.services import plans
from apps.flow.management.door import Door, amount_from


class Command(Door):
    help = (
        "Show the plan that stores are offered, or offer another one from now on. Who agreed to a plan keeps it. "
        "Nothing is billed unless BILLING says who pays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", help="what merchants see it called, such as Studio")
        parser.add_argument("--picture", metavar="AMOUNT", help="for each finished picture, such as 0.05")
        parser.add_argument(
            "--cap", metavar="AMOUNT", help="what pictures may come to in 30 days, such as 100"
        )
        parser.add_argument(
            "--monthly", metavar="AMOUNT", help="for 30 days, whatever is used; nothing unless told"
        )
        parser.add_argument("--currency", default="USD", help="three letters (USD)")
        parser.add_argument(
            "--trial", type=int, default=0, metavar="DAYS", help="days without the monthly price"
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if options["name"]:
            cap = amount_from("--cap", options["cap"])
            if cap is None:
                raise CommandError("Say with --cap what pictures may come to in 30 days, such as --cap 100.")
            plans.offer(
                name=options["name"],
                currency=options["currency"],
                monthly_micros=amount_from("--monthly", options["monthly"]) or 0,
                picture_micros=amount_from("--picture", options["picture"]) or 0,
                cap_micros=cap,
                trial_days=options["trial"],
            )
        elif options["picture"] or options["cap"] or options["monthly"]:
            raise CommandError("To offer a plan, name it: plan Studio --picture 0.05 --cap 100.")
        found = selectors.offered()
        return {"plan": _told(found) if found else None}, _line(found)


def _told(plan: Plan) -> dict[str, Any]:
    names = ("name", "currency", "monthly_micros", "picture_micros", "cap_micros", "trial_days")
    return {name: getattr(plan, name) for name in names}


def _line(plan: Plan | None) -> str:
    if plan is None:
        return "No plan is offered. Offer one: plan Studio --monthly 19 --picture 0.05 --cap 100"
    trial = f", {plan.trial_days} days for trial" if plan.trial_days else ""
    return (
        f"{plan.name}: {plan.monthly_micros / 1e6:.2f} {plan.currency} for 30 days{trial}; {plan.terms} "
        f"At most {plan.cap_micros / 1e6:.2f} {plan.currency} for pictures in 30 days."
    )
