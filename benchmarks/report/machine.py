"""What the figures were measured on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gpu_worker import threads

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "pillow", "onnxruntime")


def machine() -> dict[str, str]:
    """Processor, cores, libraries: heading → words."""
    return {
        "Processor": _processor(),
        "Cores": str(threads.cores()),
        "System": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Libraries": ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _version(name))),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
