"""`manage.py undo PUBLICATION…`: put the originals back, now, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow import flow
from apps.flow.management.door import Door
from apps.publishing.models import Publication, Undo


class Command(Door):
    help = "Take publications back: list, order and bytes as they were."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("publications", nargs="+", type=int)

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        done = []
        for pk in options["publications"]:
            publication = Publication.objects.filter(pk=pk).first()
            if publication is None:
                raise CommandError(f"There is no publication {pk}.")
            wish = flow.undo(publication, by=self.actor)
            flow.undone(wish.pk)
            wish = Undo.objects.get(pk=wish.pk)
            done.append(
                {
                    "publication": pk,
                    "state": wish.work_state,
                    "outcome": wish.outcome or wish.error,
                    "sha256": wish.restored_sha256,
                }
            )
        return {"undone": done}, "\n".join(
            f"publication {d['publication']}: {d['state']}. {d['outcome']}" for d in done
        )
