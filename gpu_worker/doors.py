"""What stands behind the command line: each door takes parsed arguments and returns what is to be shown.

Cutting out has a file of its own, `cutting.py`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_worker.contract import GROUP_MAX, ROLE_GROUP
from gpu_worker.errors import BadRecipe, UnusablePhoto
from gpu_worker.files import Wrong, photos_in, read, write

if TYPE_CHECKING:
    from gpu_worker.recipe import Cutout
    from gpu_worker.stages.base import GroupPhoto

EXTENSIONS = {"jpeg": "jpg"}


def recipe_file(path: Path, pipeline: str) -> dict[str, Any]:
    """The recipe of a file, for the pipeline that was asked for. Raises Wrong or BadRecipe."""
    try:
        raw = json.loads(read(path))
    except ValueError as error:
        raise Wrong(f"{path} is no valid JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise BadRecipe(f"{path} must hold a JSON object.")
    if raw.setdefault("pipeline", pipeline) != pipeline:
        raise BadRecipe(f"{path} is a recipe for the pipeline {raw['pipeline']!r}, not {pipeline!r}.")
    return raw


@dataclass(frozen=True)
class Job:
    """One render: its inputs by role, and the photos it shares a scale with, should the recipe ask for one scale."""

    inputs: dict[str, Path]
    group: tuple[Path, ...]


def jobs(arguments: list[str]) -> list[Job]:
    """FILE … are renders of their own; ROLE=FILE … are the inputs of one render together.

    Files given together show one product, and so do the photos of each folder. Raises Wrong for a mixture, a role other
    than ``group`` that comes twice or a missing ``main``.
    """
    with_role = [a.partition("=") for a in arguments if "=" in a and not Path(a).exists()]
    if not with_role:
        return _plain([Path(a) for a in arguments])
    if len(with_role) != len(arguments):
        raise Wrong("Give either plain files or ROLE=FILE throughout, not both.")
    single = [(role, Path(file)) for role, _, file in with_role if role != ROLE_GROUP]
    inputs = dict(single)
    if len(inputs) != len(single):
        raise Wrong("Each role but group may be given once.")
    if "main" not in inputs:
        raise Wrong("One input must have the role main: main=FILE.")
    others = [Path(file) for role, _, file in with_role if role == ROLE_GROUP]
    return [Job(inputs, tuple(dict.fromkeys([inputs["main"], *others])))]


def _plain(paths: list[Path]) -> list[Job]:
    together = tuple(path for path in paths if not path.is_dir())
    made = []
    for path in paths:
        group = tuple(photos_in(path)) if path.is_dir() else together
        made += [Job({"main": photo}, group) for photo in (group if path.is_dir() else (path,))]
    return made


def render(recipe: dict[str, Any], job: Job, out: Path, seed: int) -> dict[str, Any]:
    """Renders one job into the folder `out`; returns what the door prints. Raises a WorkerError or Wrong."""
    from gpu_worker import runner, threads

    threads.apply()
    started = time.perf_counter()
    inputs = job.inputs
    contents = {role: read(path) for role, path in inputs.items()}
    made = runner.render(recipe, contents, seed, group=_group(recipe, job))
    main = made.files["main"]
    target = out / f"{inputs['main'].stem}.{EXTENSIONS.get(main.format, main.format)}"
    if target.exists() and any(target.samefile(path) for path in inputs.values()):
        raise Wrong(f"{target} is the photo itself; choose another folder.")
    write(target, main.data)
    return {
        "file": str(target),
        "sha256": hashlib.sha256(main.data).hexdigest(),
        "measures": made.measures,
        "confidence": made.confidence,
        "engine": made.engines["cutout"],
        "seconds": round(time.perf_counter() - started, 3),
    }


def _group(raw: dict[str, Any], job: Job) -> list[GroupPhoto]:
    from gpu_worker import recipe

    asked = recipe.parse(raw)
    if asked.framing.consistent == "off":
        return []
    return [_group_photo(path, asked.cutout) for path in job.group[:GROUP_MAX]]


def _group_photo(path: Path, said: Cutout) -> GroupPhoto:
    from gpu_worker.stages.base import GroupPhoto

    try:
        named = hashlib.sha256(read(path)).hexdigest()
    except Wrong:
        named = str(path)  # it is left out of the scale, which is said in the measures
    return GroupPhoto(named, partial(read, path), said)


def inspect(path: Path, channel: str | None) -> dict[str, Any]:
    """Measures of one picture and, with a channel, its rules. Raises Wrong or a WorkerError."""
    from dataclasses import asdict

    from gpu_worker.qa import channels
    from gpu_worker.qa.inspect import inspect as measure

    if channel is not None and channel not in channels.CHANNELS:
        raise Wrong(f"There is no channel {channel!r}; known are {', '.join(sorted(channels.CHANNELS))}.")
    measures = measure(read(path))
    if channel is None:
        return {"file": str(path), "measures": measures}
    checks = channels.check(channel, measures)
    return {
        "file": str(path),
        "measures": measures,
        "channel": channel,
        "checks": [asdict(c) for c in checks],
        "passed": all(c.passed for c in checks),
    }


def samples(folder: Path, size_px: int) -> Iterator[dict[str, Any]]:
    """Draws the sample photos and their exact mattes into a folder."""
    from concurrent.futures import ProcessPoolExecutor

    from gpu_worker import threads
    from gpu_worker.samples import NAMES

    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max_workers=threads.cores()) as hands:
        yield from hands.map(_sample, NAMES, repeat(folder), repeat(size_px))


def _sample(name: str, folder: Path, size_px: int) -> dict[str, Any]:
    import cv2
    import numpy as np

    from gpu_worker.samples import draw

    cv2.setNumThreads(1)  # the other cores draw other samples
    sample = draw(name, size_px)
    ok, photo = cv2.imencode(".jpg", sample.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 94])
    ok_alpha, alpha = cv2.imencode(".png", np.round(sample.alpha * 255).astype(np.uint8))
    if not (ok and ok_alpha):
        raise UnusablePhoto(f"The sample {name} could not be encoded.")
    write(folder / f"{name}.jpg", photo.tobytes())
    write(folder / f"{name}.gt.png", alpha.tobytes())
    return {"file": str(folder / f"{name}.jpg"), "title": sample.title, "backdrop": sample.backdrop}
