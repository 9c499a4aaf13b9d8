"""`manage.py approve ITEM…`: a person's yes (or no) from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from apps.accounts.models import Role, User
from apps.accounts.selectors import at_least, role_of
from apps.flow import flow
from apps.flow.management.door import Door
from apps.publishing.models import Mode
from apps.review import services as review
from apps.review.models import Item, ItemState


class Command(Door):
    help = "Approve pictures that wait for a person, and have them written into the store."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("items", nargs="*", type=int, help="item ids; none lists what waits")
        parser.add_argument("--by", help="username; needed with --override")
        parser.add_argument("--reject", action="store_true", help="say no instead")
        parser.add_argument(
            "--override", action="store_true", help="confirm a picture whose product pixels changed"
        )
        parser.add_argument("--note", default="")
        parser.add_argument(
            "--mode",
            choices=Mode.values,
            default="",
            help="what the picture does to the product, where it is not what the recipe says",
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if not options["items"]:
            return self._list()
        user = User.objects.filter(username=options["by"]).first() if options["by"] else None
        if options["by"] and user is None:
            raise CommandError(f"There is no user called {options['by']}.")
        decided = [self._decide(pk, user, options) for pk in options["items"]]
        return {"items": decided}, "\n".join(f"item {d['item']}: {d['state']}" for d in decided)

    def _list(self) -> tuple[dict[str, Any], str]:
        rows = (
            Item.objects.filter(state=ItemState.PENDING).select_related("job__photo__product").order_by("pk")
        )
        waiting = [
            {"item": i.pk, "product": i.job.photo.product.title, "reasons": i.reasons} for i in rows[:200]
        ]
        words = "\n".join(f"{w['item']}  {w['product']}: {' '.join(w['reasons'])}" for w in waiting)
        return {"waiting": waiting}, words or "Nothing waits for a person."

    @transaction.atomic
    def _decide(self, pk: int, user: User | None, options: dict[str, Any]) -> dict[str, Any]:
        item = Item.objects.select_related("workspace").filter(pk=pk).first()
        if item is None:
            raise CommandError(f"There is no item {pk}.")
        if user and not at_least(role_of(user, item.workspace), Role.REVIEWER):
            raise CommandError(f"{user.username} may not decide in this workspace.")
        item = review.decide(
            item,
            approved=not options["reject"],
            user=user,
            actor=review.actor_of(user) if user else self.actor,
            override=options["override"],
            note=options["note"],
        )
        if item.state == ItemState.APPROVED:
            flow.reviewed(item, by=self.actor, mode=options["mode"])
        return {"item": item.pk, "state": item.state}
