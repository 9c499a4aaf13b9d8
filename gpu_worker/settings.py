"""What the environment says to the worker. Values only; nothing is opened here."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field

from gpu_worker.contract import render_queue

LANES = "urgent,standard,bulk"


def _id() -> str:
    # A container's first process is always number 1, so host and pid alone come back after a restart.
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Settings:
    """One worker process group. `worker` is made once, in the parent, and stays the same through its life."""

    redis_url: str
    storage_url: str
    lanes: tuple[str, ...]
    capability: str
    region: str
    worker: str = field(default_factory=_id)

    @property
    def queues(self) -> list[str]:
        """In the order in which they are emptied."""
        return [render_queue(lane, self.capability, self.region) for lane in self.lanes]


def from_environment() -> Settings:
    """REDIS_URL, STORAGE_URL, WORKER_LANES, WORKER_CAPABILITY, WORKER_REGION; all have a default for one machine."""
    lanes = os.environ.get("WORKER_LANES", LANES)
    return Settings(
        redis_url=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        storage_url=os.environ.get("STORAGE_URL", ""),
        lanes=tuple(lane.strip() for lane in lanes.split(",") if lane.strip()),
        capability=os.environ.get("WORKER_CAPABILITY", "cpu"),
        region=os.environ.get("WORKER_REGION", "local"),
    )
