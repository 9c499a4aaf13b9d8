"""`manage.py createowner`: the first person of a new workspace, with its first recipe."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from apps.accounts import services as accounts
from apps.flow.management.door import Door
from apps.recipes import services as recipes


class Command(Door):
    help = "Create a workspace with its owner and the white-packshot recipe."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("--workspace", default="My shop", help="name of the new workspace")
        parser.add_argument("--email", default="")
        parser.add_argument("--password", help="asked for when it is not given")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        password = options["password"] or getpass.getpass()
        with transaction.atomic():
            user, workspace = accounts.create_owner(
                username=options["username"],
                password=password,
                workspace_name=options["workspace"],
                email=options["email"],
            )
            recipes.create(
                workspace,
                name="White packshot",
                body=recipes.WHITE_PACKSHOT,
                by=f"user:{user.pk}",
                automatic=True,
            )
        return (
            {"user": user.pk, "workspace": workspace.pk},
            f"{user.username} owns the workspace “{workspace.name}”. Connect a store with `manage.py connect`.",
        )
