"""Thin tasks: an id comes in, the flow goes on.

A MemoryError that leaves a task ends the whole Celery worker, so it becomes an ordinary error here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import structlog
from celery import shared_task

from apps.billing.services import charging
from apps.flow import batching, compliance, flow, housekeeping, noticing, paying, takingback
from apps.lib.errors import Retry
from apps.notices.services import sending
from gpu_worker.contract import TASK_RESULT, TASK_RESULTS

log = structlog.get_logger(__name__)


def _carried(function: Callable[..., None]) -> Callable[..., None]:
    """Log what a task could not do; the row's lease and the sweeper bring it up again."""

    @functools.wraps(function)
    def run(*args: Any) -> None:
        try:
            function(*args)
        except Retry as later:
            log.info("not_now", task=function.__name__, reason=later.message)
        except MemoryError as error:
            raise RuntimeError(f"out of memory in {function.__name__}") from error

    return run


@shared_task(name="flow.approve")
@_carried
def approve(approval_id: int) -> None:
    flow.approved(approval_id)


@shared_task(name="flow.receive")
@_carried
def receive(delivery_id: int) -> None:
    flow.received(delivery_id)


@shared_task(name="flow.law")
@_carried
def law(request_id: int) -> None:
    compliance.answer(request_id)


@shared_task(name="flow.sync")
@_carried
def sync(sync_id: int) -> None:
    flow.synced(sync_id)


@shared_task(name="flow.act")
@_carried
def act(store_id: int) -> None:
    flow.acted(store_id)


@shared_task(name="flow.prepare")
@_carried
def prepare(preparation_id: int) -> None:
    flow.prepared(preparation_id)


@shared_task(name=TASK_RESULTS)
@_carried
def results() -> None:
    flow.results_came()


@shared_task(name=TASK_RESULT)
@_carried
def result(message: dict[str, Any]) -> None:
    flow.resulted(message)


@shared_task(name="flow.publish")
@_carried
def publish(publication_id: int) -> None:
    flow.published(publication_id)


@shared_task(name="flow.undo")
@_carried
def undo(undo_id: int) -> None:
    flow.undone(undo_id)


@shared_task(name="flow.take_back")
@_carried
def take_back(reversal_id: int) -> None:
    takingback.go_on(reversal_id)


@shared_task(name="flow.clean")
@_carried
def clean(cleaning_id: int) -> None:
    takingback.cleaned(cleaning_id)


@shared_task(name="flow.poll")
@_carried
def poll() -> None:
    housekeeping.poll_stores()


@shared_task(name="flow.check_webhooks")
@_carried
def check_webhooks() -> None:
    housekeeping.check_webhooks()


@shared_task(name="flow.sweep_files")
@_carried
def sweep_files() -> None:
    housekeeping.sweep_files()


@shared_task(name="flow.tidy_storage")
@_carried
def tidy_storage() -> None:
    housekeeping.tidy_storage()


@shared_task(name="flow.notice")
@_carried
def notice() -> None:
    noticing.look()


@shared_task(name="flow.mail")
@_carried
def mail(mail_id: int) -> None:
    sending.send(mail_id)


@shared_task(name="flow.bill")
@_carried
def bill() -> None:
    paying.bill()


@shared_task(name="flow.charge")
@_carried
def charge(charge_id: int) -> None:
    charging.send(charge_id)


@shared_task(name="flow.forget")
@_carried
def forget() -> None:
    housekeeping.forget()


@shared_task(name="flow.tend_batches")
@_carried
def tend_batches() -> None:
    batching.tend()
