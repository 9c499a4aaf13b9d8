"""What the environment says to the worker. Values only; nothing is opened here."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field

from gpu_worker.contract import render_queue

LANES = "urgent,standard,bulk"
# Jobs of a chunk side by side, unless told otherwise; what does not fit into memory is halved.
TOGETHER = {"cpu": 1, "gpu": 4}
# After SIGTERM, how long a render may take until it is handed back between two stages. Kubernetes kills after 30 s.
GRACE_S = 20.0


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
    together: int = 1
    grace_s: float = GRACE_S
    worker: str = field(default_factory=_id)

    @property
    def queues(self) -> list[str]:
        """In the order in which they are emptied."""
        return [render_queue(lane, self.capability, self.region) for lane in self.lanes]


def from_environment() -> Settings:
    """REDIS_URL, STORAGE_URL, WORKER_LANES, WORKER_CAPABILITY, WORKER_REGION, WORKER_TOGETHER and WORKER_GRACE_S;
    all have a default for one machine."""
    capability = os.environ.get("WORKER_CAPABILITY", "cpu")
    lanes = os.environ.get("WORKER_LANES", LANES)
    return Settings(
        redis_url=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        storage_url=os.environ.get("STORAGE_URL", ""),
        lanes=tuple(lane.strip() for lane in lanes.split(",") if lane.strip()),
        capability=capability,
        region=os.environ.get("WORKER_REGION", "local"),
        together=max(1, int(os.environ.get("WORKER_TOGETHER") or TOGETHER.get(capability, 1))),
        grace_s=float(os.environ.get("WORKER_GRACE_S") or GRACE_S),
    )
