"""What this machine has and lacks for rendering, each with what to do about it."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata, util

from gpu_worker import pool, settings, threads


@dataclass(frozen=True)
class Finding:
    """`ok` is None where a thing is absent and not needed; `hint` says what to do. `needed` by the classic engine."""

    name: str
    ok: bool | None
    value: str
    hint: str = ""
    needed: bool = False


def examine() -> list[Finding]:
    """Every check, in order. None of them raises."""
    checks: list[Callable[[], Finding]] = [
        _python, _opencv, _formats, _onnxruntime, _network, _torch, _cores, _threads, _memory, _storage, _redis,
        _weights, _classic,
    ]  # fmt: skip
    return [_safely(check) for check in checks]


def can_render(findings: list[Finding]) -> bool:
    """Whether the classic engine can run here."""
    return all(finding.ok for finding in findings if finding.needed)


def _safely(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor that faints helps nobody
        name = check.__name__.strip("_")
        needed = check in (_python, _opencv, _formats, _classic)
        return Finding(
            name, False, f"{type(error).__name__}: {error}", "Reinstall the package's dependencies.", needed
        )


def _python() -> Finding:
    version = platform.python_version_tuple()
    good = (int(version[0]), int(version[1])) >= (3, 11)
    return Finding(
        "python", good, platform.python_version(), "" if good else "Use Python 3.11 or newer.", True
    )


def _opencv() -> Finding:
    import cv2

    good = hasattr(cv2, "grabCut")
    hint = "" if good else "Install opencv-python-headless 4.8 or newer."
    return Finding("opencv", good, cv2.__version__, hint, True)


def _formats() -> Finding:
    from PIL import features

    have = [name for name in ("jpg", "zlib", "webp", "avif", "littlecms2") if features.check(name)]
    if util.find_spec("pillow_heif"):
        have.append("heic")
    good = {"jpg", "zlib", "webp", "littlecms2"} <= set(have)
    lacks = [name for name in ("avif", "heic") if name not in have]
    hint = (
        ""
        if not lacks
        else f"{' and '.join(lacks)} photos can't be read: install current pillow and pillow-heif."
    )
    return Finding("formats", good, ", ".join(have), hint, True)


def _onnxruntime() -> Finding:
    if not util.find_spec("onnxruntime"):
        return Finding(
            "onnxruntime", False, "not installed", "The built-in network needs it: install onnxruntime."
        )
    return Finding("onnxruntime", True, metadata.version("onnxruntime"))


def _network() -> Finding:
    """The weights that come with the worker; looked up by name, so that a lack of onnxruntime is told above alone."""
    hint = "Reinstall the package: the weights file belongs to it."
    if not util.find_spec("gpu_worker.models.salient"):
        return Finding("network", False, "gpu_worker.models.salient is not there", hint)
    file = import_module("gpu_worker.models.salient").path()
    if not file.is_file():
        return Finding("network", False, f"{file.name} is not there", hint)
    return Finding("network", True, f"{file.name}, {file.stat().st_size / 2**20:.2f} MiB")


def _torch() -> Finding:
    if not util.find_spec("torch"):
        return Finding(
            "torch", None, "not installed", "Only the diffusion engine needs it: install the extra 'gpu'."
        )
    return Finding("torch", True, metadata.version("torch"))


def _cores() -> Finding:
    return Finding("cores", True, str(threads.cores()))


def _threads() -> Finding:
    try:
        count = threads.for_this_process()
    except threads.BadSetting as error:
        return Finding("threads", False, str(error), "Set a number, or nothing to use every core.")
    told = [
        f"{name}={os.environ[name]}" for name in (threads.THREADS, threads.PROCESSES) if name in os.environ
    ]
    return Finding("threads", True, f"{count} for each process" + (f" ({', '.join(told)})" if told else ""))


def _memory() -> Finding:
    free_mib = pool.free_memory_mib()
    if free_mib is None:
        return Finding("memory", None, "this system does not say", "Large photos need about 1 GiB free.")
    good = free_mib >= 1024
    return Finding("memory", good, f"{free_mib} MiB", "" if good else "Large photos need about 1 GiB free.")


def _storage() -> Finding:
    url = settings.from_environment().storage_url
    if not url:
        return Finding(
            "storage", None, "STORAGE_URL is not set", "Needed by `work` only: file:///folder or s3://bucket."
        )
    from gpu_worker.errors import WorkerError
    from gpu_worker.storage import open_storage

    try:
        storage, key = open_storage(url), f"doctor-{secrets.token_hex(6)}"
        storage.put(key, b"well")
        good = storage.get(key) == b"well"
        storage.delete(key)
    except (WorkerError, ValueError) as error:
        return Finding("storage", False, str(error), "Check STORAGE_URL and its credentials.")
    return Finding("storage", good, url.split("?")[0])


def _redis() -> Finding:
    from urllib.parse import urlsplit

    from redis import RedisError

    from gpu_worker.beat import connect

    url = settings.from_environment().redis_url
    shown = urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()
    if "REDIS_URL" not in os.environ:
        return Finding("redis", None, "REDIS_URL is not set", "Needed by `work` only.")
    try:
        connect(url).ping()
    except (RedisError, OSError, ValueError) as error:
        return Finding("redis", False, f"{shown}: {error}", "Is the broker running, and is REDIS_URL right?")
    return Finding("redis", True, shown)


def _weights() -> Finding:
    from gpu_worker.models.registry import WEIGHTS

    return Finding("weights", True, f"{len(WEIGHTS)} listed; the classic engine needs none")


def _classic() -> Finding:
    """The proof of the pudding: cuts a square out of a small picture."""
    import numpy as np

    from gpu_worker.runner import loaded

    picture = np.full((96, 96, 3), 250, np.uint8)
    picture[28:68, 28:68] = (30, 60, 140)
    alpha = loaded("classic").cutout(picture).alpha
    good = bool(alpha[48, 48] > 0.9 and alpha[8, 8] < 0.1)
    return Finding("classic engine", good, "cuts out" if good else "cut a square wrongly", needed=True)
