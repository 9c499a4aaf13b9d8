"""`manage.py release JOB…`: try jobs again that were set aside after too many tries."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow.management.door import Door, workspace_from
from apps.jobs.models import Job, JobState
from apps.jobs.services import quarantine


class Command(Door):
    help = "Try jobs again that were set aside: those named, or all of a workspace."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("jobs", nargs="*", type=int)
        parser.add_argument("--all", action="store_true", help="all that are set aside in the workspace")
        parser.add_argument("--workspace", help="id or name; needed where there are several")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if bool(options["jobs"]) == options["all"]:
            raise CommandError("Name the jobs, or say --all.")
        wanted = Job.objects.filter(state=JobState.QUARANTINED)
        if options["all"]:
            wanted = wanted.filter(workspace=workspace_from(options))
        else:
            wanted = wanted.filter(pk__in=options["jobs"])
        released = [job.pk for job in wanted.order_by("pk") if quarantine.release(job, by=self.actor)]
        missed = sorted(set(options["jobs"]) - set(released))
        words = f"{len(released)} jobs are tried again."
        if missed:
            words += f" Not set aside: {', '.join(map(str, missed))}."
        return {"released": released, "not_set_aside": missed}, words
