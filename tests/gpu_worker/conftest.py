"""Photos to test with: drawn, never stored. Samples are drawn once per process."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker import samples
from gpu_worker.contract import Chunk, Input, JobSpec
from gpu_worker.storage import FileStorage

SIZE_PX = 420


@cache
def _sample(name: str, size_px: int, backdrop: str | None) -> samples.Sample:
    return samples.draw(name, size_px, backdrop=backdrop)


@pytest.fixture(scope="session")
def sample() -> Callable[..., samples.Sample]:
    """sample("mug"), optionally on another backdrop."""
    return lambda name, backdrop=None, size_px=SIZE_PX: _sample(name, size_px, backdrop)


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """encoded(array or image, format, **options) as a file's bytes."""

    def encode(picture: np.ndarray | Image.Image, format: str = "PNG", **options: object) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        out = io.BytesIO()
        image.save(out, format, **options)
        return out.getvalue()

    return encode


@pytest.fixture(scope="session")
def block() -> Callable[..., np.ndarray]:
    """A coloured block with a little pattern on white: the quickest product there is (H × W × 3)."""

    def draw(
        width_px: int = 240, height_px: int = 200, colour: tuple[int, int, int] = (40, 90, 160)
    ) -> np.ndarray:
        picture = np.full((height_px, width_px, 3), 255, np.uint8)
        top, bottom, left, right = height_px // 4, height_px * 3 // 4, width_px // 4, width_px * 3 // 4
        picture[top:bottom, left:right] = colour
        picture[top + 12 : bottom - 12 : 6, left + 12 : right - 12] = (200, 180, 60)
        return picture

    return draw


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "storage")


@pytest.fixture
def make_chunk(storage: FileStorage) -> Callable[..., Chunk]:
    """make_chunk([bytes, …], recipe): each file becomes one job whose input is in the storage."""

    def make(files: list[bytes], recipe: dict | None = None, start_by: float = 2e9) -> Chunk:
        jobs = []
        for number, data in enumerate(files, start=1):
            sha256 = hashlib.sha256(data).hexdigest()
            storage.put(f"in/{sha256}", data)
            jobs.append(
                JobSpec(number, f"token-{number}", (Input("main", f"in/{sha256}", sha256),), f"out/{number}")
            )
        quick = {"engine": "fake", "framing": {"canvas_px": [200, 200]}}
        return Chunk("chunk-1", start_by, quick if recipe is None else recipe, 0, tuple(jobs))

    return make
