"""What Django and the render worker say to each other: standard library only, JSON on the wire.

`gpu.render(Chunk)` goes out; a `JobResult` comes back as JSON at the end of a Redis list, with the hint `flow.results`
where nothing waited there before. Any of it may be lost or arrive twice without harm: the token fences, and the
manifest (`JobResult` as JSON under the attempt's prefix) is the truth of what was made.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSION = 1

TASK_RENDER = "gpu.render"
# Says that results wait. `flow.result(JobResult)`, one message for each, is what workers of an earlier release send.
TASK_RESULTS = "flow.results"
TASK_RESULT = "flow.result"
QUEUE_CONTROL = "control"
MANIFEST = "result.json"
# Why a worker that is not well hands a job back untried.
RESTING = "worker_resting"
# The role of each photo that decides on a scale shared by one product, and how many of them count at most.
ROLE_GROUP = "group"
GROUP_MAX = 12

# Redis keys. A beat is written every BEAT_EVERY_S and dies after BEAT_TTL_S: no beat, no worker.
BEAT_EVERY_S = 5.0
BEAT_TTL_S = 15
BEAT_KEY = "vitrine:beat:{worker}"
BEAT_PATTERN = "vitrine:beat:*"
# Present while an attempt is to stop; the worker reads it between stages and at each beat.
STOP_KEY = "vitrine:stop:{token}"
# Present while a worker is to rest: it hands back what it takes.
REST_KEY = "vitrine:rest:{worker}"
# Results, oldest first: whoever takes them takes many at once.
RESULTS_KEY = "vitrine:results"
# Pushed to wake the dispatcher before its next tick.
WAKE_KEY = "vitrine:wake"


def broker_url(redis_url: str) -> str:
    """kombu's spelling of a Redis address: ``unix:///path?db=1`` is ``redis+socket:///path?virtual_host=1`` there."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={number}"


def render_queue(lane: str, capability: str, region: str) -> str:
    """The queue of one lane × capability × region, such as ``render.urgent.cpu.local``."""
    return f"render.{lane}.{capability}.{region}"


@dataclass(frozen=True)
class Input:
    """One picture that goes in: its role (``main``, ``group``, ``person`` …), storage key and SHA-256.

    The role ``group`` may come more than once: all photos of the product that share one scale, the main one among them.
    `cutout` is what a person says of such a photo (the recipe's table of that name); an empty key one not to be had.
    """

    role: str
    key: str
    sha256: str
    cutout: dict[str, Any] | None = None


@dataclass(frozen=True)
class JobSpec:
    """One attempt at one job. Files go under `out_prefix`, which no other attempt shares.

    Under `mattes` the worker looks for a cut-out of this photo by its own name for it, and leaves there what it made;
    empty: it keeps none.
    """

    attempt: int
    token: str
    inputs: tuple[Input, ...]
    out_prefix: str
    mattes: str = ""


@dataclass(frozen=True)
class Chunk:
    """Jobs that share pipeline, weights and size bucket. A worker drops it past `start_by` (epoch seconds, UTC)."""

    chunk: str
    start_by: float
    recipe: dict[str, Any]
    seed: int
    jobs: tuple[JobSpec, ...]
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        for job in raw["jobs"]:
            # A worker of an earlier release knows no such field; only who uses it sends it.
            job["inputs"] = [{k: v for k, v in i.items() if k != "cutout" or v} for i in job["inputs"]]
        return raw

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Chunk:
        """Raises ValueError for a message of another version, KeyError or TypeError for a broken one."""
        if raw.get("version") != VERSION:
            raise ValueError(f"message version {raw.get('version')!r}, this worker speaks {VERSION}")
        jobs = tuple(
            JobSpec(
                attempt=int(job["attempt"]),
                token=str(job["token"]),
                inputs=tuple(Input(**i) for i in job["inputs"]),
                out_prefix=str(job["out_prefix"]),
                mattes=str(job.get("mattes", "")),
            )
            for job in raw["jobs"]
        )
        return cls(str(raw["chunk"]), float(raw["start_by"]), dict(raw["recipe"]), int(raw["seed"]), jobs)


@dataclass(frozen=True)
class File:
    """One file a render is made of. `name` is its role: ``main`` (what is published), ``cutout`` (RGBA PNG)."""

    name: str
    key: str
    sha256: str
    size_bytes: int
    format: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class KeptMatte:
    """A cut-out in the storage that other recipes of the same photo can use. `reused`: it was there already."""

    key: str
    size_bytes: int
    reused: bool


@dataclass(frozen=True)
class Error:
    """Why an attempt failed. `code` is stable, `message` is for the merchant, `retry` says if trying again can help,
    `retry_after_s` not before when, where somebody named a time."""

    code: str
    message: str
    retry: bool
    retry_after_s: float | None = None


@dataclass(frozen=True)
class JobResult:
    """What became of one attempt. `status`: ``done``, ``failed``, ``cancelled``, ``returned`` (untried)."""

    attempt: int
    token: str
    chunk: str
    status: str
    worker: str
    files: tuple[File, ...] = ()
    measures: dict[str, float | int | str | bool] = field(default_factory=dict)
    confidence: float | None = None
    engines: dict[str, str] = field(default_factory=dict)
    fingerprint: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    device: str = "cpu"
    device_seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    error: Error | None = None
    matte: KeptMatte | None = None
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        if self.matte is None:
            # A server of an earlier release knows no such field, and offers no place to keep one.
            del raw["matte"]
        if self.error is not None and self.error.retry_after_s is None:
            # A server of an earlier release knows no such field.
            del raw["error"]["retry_after_s"]
        return raw

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> JobResult:
        """Raises ValueError for another version or an unknown status, KeyError or TypeError for a broken message."""
        if raw.get("version") != VERSION:
            raise ValueError(f"result version {raw.get('version')!r}, this server speaks {VERSION}")
        if raw["status"] not in {"done", "failed", "cancelled", "returned"}:
            raise ValueError(f"unknown status {raw['status']!r}")
        if not isinstance(raw["attempt"], int) or not 0 < raw["attempt"] < 2**63:
            raise ValueError(f"attempt {raw['attempt']!r} is no number of a row")
        data = {**raw, "files": tuple(File(**f) for f in raw.get("files", ()))}
        data["error"] = Error(**raw["error"]) if raw.get("error") else None
        data["matte"] = KeptMatte(**raw["matte"]) if raw.get("matte") else None
        return cls(**data)


@dataclass(frozen=True)
class Beat:
    """What a worker says of itself every few seconds. `attempts` maps attempt id to {token, stage, step}."""

    worker: str
    at: float
    pid: int
    capability: str
    region: str
    lanes: tuple[str, ...]
    slots: int
    device: str
    memory_mib: int
    engines: dict[str, str]
    jobs_done: int
    jobs_failed: int
    draining: bool
    attempts: dict[str, dict[str, str]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Beat:
        """What a worker of a later release says besides is left out."""
        raw = json.loads(text)
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        return cls(**{**known, "lanes": tuple(raw["lanes"])})
