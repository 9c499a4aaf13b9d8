"""Measures the product in all photos that share one scale, on small copies: every job of a product finds the same."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from gpu_worker import errors
from gpu_worker.contract import GROUP_MAX
from gpu_worker.engines.base import Alpha, Click, Engine, Hints, Matte, Rgb
from gpu_worker.recipe import Cutout
from gpu_worker.stages.base import GroupPhoto, Size, State
from gpu_worker.stages.frame import product_box
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

log = logging.getLogger("gpu_worker")
# The engine decides at about this size; a box needs no finer edge.
DECISION_PX = 640
# A cut-out less sure than this may have taken the backdrop along, and would shrink the whole product.
LEAST_CONFIDENCE = 0.8
# Sizes remembered per engine: the photos of one product come in one after the other, each with all others.
REMEMBERED = 512

Key = tuple[str, Cutout]
Found = Size | str  # or why the photo does not count
UNSURE, UNREADABLE = "unsure", "unreadable"


class Group:
    """The product's size in each photo of the group that has a sure cut-out. Notes ``group_photos`` (how many count),
    ``group_unsure`` and ``group_unreadable`` (how many don't, and why): none of them fails the job."""

    name = "group"
    needs: tuple[str, ...] = ("inputs",)
    gives: tuple[str, ...] = ("group_sizes_px",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        framing = state.recipe.framing
        decided = framing.canvas_px is None or framing.scale_px_per_px is not None
        if framing.consistent != "product" or decided or len(state.group) < 2:
            return
        found = [size_in(photo, state.engine) for photo in state.group[:GROUP_MAX]]
        state.group_sizes_px = tuple(each for each in found if not isinstance(each, str))
        state.notes["group_photos"] = len(state.group_sizes_px)
        state.notes["group_unsure"] = found.count(UNSURE)
        state.notes["group_unreadable"] = found.count(UNREADABLE)


_remembered: WeakKeyDictionary[Engine, OrderedDict[Key, Found]] = WeakKeyDictionary()


def size_in(photo: GroupPhoto, engine: Engine) -> Found:
    """Width and height of the product in the photo's own pixels, or why it does not count. Computed once per process.

    Raises only what trying again may mend, such as StorageUnavailable: a scale must not depend on a bad moment.
    """
    sizes = _remembered.setdefault(engine, OrderedDict())
    key = photo.sha256, photo.cutout
    if key in sizes:
        sizes.move_to_end(key)
        return sizes[key]
    try:
        found = measure(photo.read(), photo.cutout, engine) or UNSURE
    except (errors.Retry, MemoryError):
        raise
    except Exception:  # whatever is wrong with a sister photo is not this photo's fault
        log.info("a photo of the group was left out of its scale", exc_info=True)
        return UNREADABLE
    sizes[key] = found
    if len(sizes) > REMEMBERED:
        sizes.popitem(last=False)
    return found


def measure(data: bytes, said: Cutout, engine: Engine) -> Size | None:
    """The product's size in the photo's own pixels; None where its cut-out is not sure. Raises a WorkerError."""
    rgb, own, _ = normalise(open_photo(data))
    height_px, width_px = rgb.shape[:2]
    matte = Matte(own, 1.0) if own is not None else _decided(rgb, said, engine)
    box = product_box(matte.alpha)
    # Where a person marked the product was obeyed; the engine's confidence knows nothing of that.
    where = replace(said, see_through=None)
    if box is None or (matte.confidence < LEAST_CONFIDENCE and where == Cutout()):
        return None
    rows, columns = matte.alpha.shape
    return (box[2] - box[0]) * width_px / columns, (box[3] - box[1]) * height_px / rows


def _decided(rgb: Rgb, said: Cutout, engine: Engine) -> Matte:
    clicks = tuple(Click(x, y, product) for x, y, product in said.clicks)
    matte = engine.cutout(_small(rgb), Hints(box=said.box, clicks=clicks, keep_holes=said.keep_holes))
    alpha: Alpha = np.nan_to_num(matte.alpha).astype(np.float32, copy=False)
    return Matte(alpha, matte.confidence)


def _small(rgb: Rgb) -> Rgb:
    scale = DECISION_PX / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
