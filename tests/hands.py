"""Several processes that do the same at the same moment, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections


def at_once(hands: int, work: Callable[[], object]) -> list[BaseException]:
    """What went wrong for any of them."""
    wrong: list[BaseException] = []
    start = threading.Barrier(hands)

    def hand() -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=hand) for _ in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong
