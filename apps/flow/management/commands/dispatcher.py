"""`manage.py dispatcher`: hand out jobs until told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from apps.flow.dispatcher import Dispatcher


class Command(BaseCommand):
    help = (
        "Run the dispatcher: leases, hand-out, sweeper, audit sealer. One is active, others wait in reserve."
    )
    # Not all: they import every page, which takes longer than all else that it starts with. It is restarted in need.
    requires_system_checks = ("environment",)

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        Dispatcher().run(stopping.is_set)
