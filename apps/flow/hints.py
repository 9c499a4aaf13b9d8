"""Send task messages: hints on the wire, after the commit. One that can't be sent is made up for by the sweeper."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from gpu_worker.contract import QUEUE_CONTROL, TASK_RENDER, Chunk

log = structlog.get_logger(__name__)


def hint(task: str, *args: Any) -> None:
    """Have a control worker run `task` once the current transaction is in the database."""
    transaction.on_commit(partial(_send, task, args, QUEUE_CONTROL))


def render(chunk: Chunk, queue: str) -> None:
    """Publish a chunk to render workers. A lost one is a lease that ends."""
    transaction.on_commit(partial(_send, TASK_RENDER, (chunk.to_dict(),), queue))


def _send(task: str, args: tuple[Any, ...], queue: str) -> None:
    try:
        # Without the readable form of the arguments, which nobody reads: for a chunk it is a fifth of the work.
        current_app.send_task(task, args=args, queue=queue, retry=False, argsrepr="", kwargsrepr="")
    except (OperationalError, OSError) as error:
        log.warning("hint_not_sent", task=task, error=str(error))
