"""`manage.py publish ITEM…`: write approved pictures now, in this process; failed ones are tried again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow import flow
from apps.flow.management.door import Door
from apps.publishing.models import Mode, Publication
from apps.publishing.services import asking
from apps.review.models import Item


class Command(Door):
    help = "Write approved pictures into their store."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("items", nargs="+", type=int, help="ids of approved items")
        parser.add_argument(
            "--mode",
            choices=Mode.values,
            default="",
            help="what the picture does to the product, where it is not what the recipe says",
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        done = []
        for pk in options["items"]:
            item = Item.objects.filter(pk=pk).first()
            if item is None:
                raise CommandError(f"There is no item {pk}.")
            publication, _ = asking.publish(item, by=self.actor, mode=options["mode"])
            asking.retry(publication, by=self.actor)
            flow.published(publication.pk)
            publication = Publication.objects.get(pk=publication.pk)
            done.append(
                {"publication": publication.pk, "state": publication.work_state, "error": publication.error}
            )
        return {"publications": done}, "\n".join(
            f"publication {d['publication']}: {d['state']} {d['error']}".strip() for d in done
        )
