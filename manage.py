#!/usr/bin/env python
"""Vitrine's command line: `manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
    from django.core.management import execute_from_command_line
    from django.core.management.base import CommandError

    from apps.config import ondemand

    try:
        with ondemand.servers(sys.argv):
            execute_from_command_line(sys.argv)
    except CommandError as error:
        sys.exit(f"CommandError: {error}")


if __name__ == "__main__":
    main()
