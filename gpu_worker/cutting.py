"""The door `cutout`: one photo in this process, or a folder of them on every core."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_worker import pixels, threads
from gpu_worker.errors import OutOfMemory, WorkerError
from gpu_worker.files import Wrong, part_of, photos_in, read, write
from gpu_worker.hints import Asked, WrongHint
from gpu_worker.pool import USABLE_SHARE, Failed, Pool, Task, free_memory_mib

if TYPE_CHECKING:
    from PIL import Image

    from gpu_worker.engines.base import Alpha, Rgb

NO_HINTS = Asked()
# What a worker takes before it sees a photo, and for each pixel of one: the ceiling the engine keeps (1.2 GB at 12 MP).
PROCESS_MIB = 250
BYTES_PER_PIXEL = 85


def cutout(source: Path, target: Path, hints: Asked = NO_HINTS) -> dict[str, Any]:
    """Writes the RGBA cut-out of one photo at its own size; returns confidence, seconds and engine.

    ``notes`` come with it where there is something to say: a first frame taken alone, hints that were not needed.
    Raises Wrong or a WorkerError.
    """
    from gpu_worker import runner
    from gpu_worker.stages.encode import save
    from gpu_worker.stages.load import open_photo
    from gpu_worker.stages.normalise import normalise

    threads.apply()
    engine = runner.loaded("classic")
    data = read(source)
    started = time.perf_counter()
    rgb, given, _ = normalise(open_photo(data))
    notes = _notes(pixels.describe(data).frames)
    if given is None:
        alpha, confidence = _computed(engine, rgb, hints)
    else:
        alpha, confidence = given, 1.0
        notes += ["The photo came cut out: hints were not needed."] if hints else []
    picture, more = _pictured(rgb, alpha, hints.see_through and given is None)
    notes += more
    seconds = time.perf_counter() - started
    write(target, save(picture, "png", None))
    shown: dict[str, Any] = {
        "confidence": round(float(confidence), 4),
        "seconds": round(seconds, 3),
        "engine": f"{engine.name}/{engine.versions['cutout']}",
    }
    return shown | ({"notes": notes} if notes else {})


def _notes(frames: int) -> list[str]:
    return [f"The file holds {frames} pictures; the first was used."] if frames > 1 else []


def _pictured(rgb: Rgb, alpha: Alpha, see_through: bool) -> tuple[Image.Image, list[str]]:
    """The product as RGBA at the photo's size, and what there is to say of its glass."""
    from gpu_worker.stages import glass
    from gpu_worker.stages.encode import cutout_image, glass_image
    from gpu_worker.stages.ground import ground

    seen = ground(rgb, alpha) if see_through else None
    if seen is not None:
        return glass_image(rgb, alpha, glass.glass(rgb, alpha, glass.suspicion(seen))), []
    notes = ["The backdrop is not plain, so nothing tells what is seen through glass: it stayed solid."]
    return cutout_image(rgb, alpha), notes if see_through else []


def _computed(engine: Any, rgb: Rgb, hints: Asked) -> tuple[Alpha, float]:
    import numpy as np

    try:
        fitted = hints.for_photo(rgb.shape[1], rgb.shape[0])
    except WrongHint as error:
        raise Wrong(str(error)) from None
    matte = engine.cutout(rgb, fitted)
    return np.clip(np.nan_to_num(matte.alpha), 0.0, 1.0).astype(np.float32, copy=False), matte.confidence


def cutouts(
    source: Path, target: Path, hints: Asked = NO_HINTS, workers: int | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """One photo, or every photo of a folder into a folder, each as it is done by one of `workers` processes.

    What can't be done is said at once: raises Wrong or BadSetting. Later a bad file in a folder is reported as
    ``error`` and the rest goes on; for one photo its WorkerError is raised.
    """
    threads.for_this_process()
    if not source.is_dir():
        _check_target(source, target)
        return ((photo, cutout(photo, target, hints)) for photo in (source,))
    if hints.clicks or hints.trimap:
        raise Wrong("Clicks and a trimap speak of one photo; give them with a single file.")
    photos = photos_in(source)
    return _each(targets_of(photos, _checked_folder(source, target)), hints, _pool(len(photos), workers))


def _each(targets: dict[Path, Path], hints: Asked, pool: Pool) -> Iterator[tuple[Path, dict[str, Any]]]:
    with closing(pool.run(_one, _tasks(targets, hints))) as results:
        for task, shown in results:
            photo: Path = task.arguments[0]
            came = {"error": shown.message} if isinstance(shown, Failed) else shown
            yield photo, {"file": str(photo), **came}


def _check_target(source: Path, target: Path) -> None:
    if target.is_dir():
        raise Wrong(f"{target} is a folder; name the file: {target / (source.stem + '.png')}.")
    if target.suffix.lower() != ".png":
        raise Wrong(f"A cut-out is written as PNG: name it {target.with_suffix('.png').name}.")
    if target.exists() and source.exists() and target.samefile(source):
        raise Wrong(f"{target} is the photo itself; choose another name.")


def _checked_folder(source: Path, target: Path) -> Path:
    if target.exists() and not target.is_dir():
        raise Wrong(f"{target} is a file; a folder of photos needs a folder for the results.")
    if target.exists() and target.samefile(source):
        raise Wrong(f"{target} holds the photos themselves; choose another folder for the results.")
    return target


def targets_of(photos: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Photo → result. Photos that differ only in their ending (mug.jpg, mug.png) keep it: mug.jpg.png, mug.png.png."""
    photos = list(photos)
    # Compared without case: on the disks of macOS and Windows Mug.png and mug.png are one file.
    stems = Counter(photo.stem.casefold() for photo in photos)
    return {
        photo: folder / f"{photo.stem if stems[photo.stem.casefold()] == 1 else photo.name}.png"
        for photo in photos
    }


def _pool(photos: int, workers: int | None) -> Pool:
    processes = max(1, min(workers or threads.cores(), photos))
    free_mib = free_memory_mib()
    # Where the system does not say what is free, large photos go one at a time.
    budget_mib = int(free_mib * USABLE_SHARE) if free_mib is not None else 1024
    return Pool(processes, max(1, threads.cores() // processes), budget_mib, lost=_forget)


def _tasks(targets: dict[Path, Path], hints: Asked) -> Iterator[Task]:
    """Lazily: a header is read when the photo's turn comes."""
    for photo, target in targets.items():
        size_px = pixels.size_of(photo)
        count = size_px[0] * size_px[1] if size_px else 0
        yield Task((photo, target, hints), PROCESS_MIB + count * BYTES_PER_PIXEL // 2**20)


def _forget(task: Task, pid: int) -> None:
    """What a process that ended had begun to write."""
    part_of(task.arguments[1], pid).unlink(missing_ok=True)


def _one(photo: Path, target: Path, hints: Asked) -> dict[str, Any]:
    try:
        return cutout(photo, target, hints)
    except MemoryError:
        return {"error": OutOfMemory("The worker ran out of memory. Use fewer workers.").message}
    except (WorkerError, Wrong) as error:
        return {"error": str(error)}
