"""The control worker's Celery application. A message is only a hint: rows say what is to be done.

Why these settings: a task here is idempotent and its row is leased, so early acknowledgement loses nothing; the
sweeper finds what a lost message would have woken.
"""

import os

from celery import Celery
from django.conf import settings

from gpu_worker.contract import QUEUE_CONTROL, broker_url

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
# Celery runs Django's checks at start and drops what they find; they import every page, which a worker never needs.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("vitrine")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "visibility_timeout": 3600,
    },
    # A hint that can't be sent must not hold up the request that wanted to send it.
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    },
    task_default_queue=QUEUE_CONTROL,
    task_ignore_result=True,
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_proc_alive_timeout=60,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    imports=["apps.flow.tasks"],
    beat_schedule={
        "poll stores": {"task": "flow.poll", "schedule": settings.POLL_STORES_S},
        "check webhooks": {"task": "flow.check_webhooks", "schedule": 24 * 3600.0},
        "tend batches": {"task": "flow.tend_batches", "schedule": 10.0},
        "forget what is old": {"task": "flow.forget", "schedule": 24 * 3600.0},
        "sweep files": {"task": "flow.sweep_files", "schedule": settings.SWEEP_FILES_S},
        "bill": {"task": "flow.bill", "schedule": settings.BILL_EVERY_S},
        "notice": {"task": "flow.notice", "schedule": 60.0},
        "tidy storage": {"task": "flow.tidy_storage", "schedule": settings.SURVEY_EVERY_S},
    },
)
