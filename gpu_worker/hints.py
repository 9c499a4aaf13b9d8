"""What a person says about the product on the command line: parsed, checked, and fitted to one photo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_worker import pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gpu_worker.engines.base import Click, Hints

# A trimap drawn at another size is fine, of another shape it belongs to another photo.
SAME_SHAPE_SHARE = 0.02


class WrongHint(Exception):
    """A hint that can't be meant."""


@dataclass(frozen=True)
class Asked:
    """Hints as they were typed. Numbers are shares of the upright photo or, where one of a group exceeds 1, pixels.
    `see_through` is for what comes after the engine: the backdrop is taken out of glass."""

    box: tuple[float, ...] | None = None
    clicks: tuple[tuple[float, float, bool], ...] = ()
    trimap: Path | None = None
    keep_holes: bool | None = None
    see_through: bool = False

    def __bool__(self) -> bool:
        return self != Asked()

    def for_photo(self, width_px: int, height_px: int) -> Hints:
        """The same as shares of a photo of that size. Raises WrongHint where they don't fit it."""
        from gpu_worker.engines.base import Hints

        box = _box(self.box, width_px, height_px) if self.box else None
        clicks = tuple(_click(click, box, width_px, height_px) for click in self.clicks)
        trimap = _trimap(self.trimap, width_px, height_px) if self.trimap else None
        return Hints(box=box, clicks=clicks, trimap=trimap, keep_holes=self.keep_holes)


def asked(
    box: str | None,
    clicks: list[str] | None,
    trimap: Path | None,
    keep_holes: bool | None,
    see_through: bool = False,
) -> Asked:
    """Options as typed → hints. Raises WrongHint, naming the option and what it wants."""
    sides = None
    if box is not None:
        sides = tuple(_numbers("--box", box.split(","), 4, "LEFT,TOP,RIGHT,BOTTOM"))
        if sides[0] >= sides[2] or sides[1] >= sides[3]:
            raise WrongHint(f"--box {box}: left must be smaller than right and top smaller than bottom.")
    return Asked(sides, tuple(_parsed_click(text) for text in clicks or ()), trimap, keep_holes, see_through)


def _parsed_click(text: str) -> tuple[float, float, bool]:
    parts = text.split(",")
    outside = len(parts) == 3 and parts[2].strip() == "-"
    if len(parts) > 3 or (len(parts) == 3 and not outside and parts[2].strip() != "+"):
        raise WrongHint(f"--click {text}: after X,Y comes nothing, or ,- for a point that is not product.")
    x, y = _numbers("--click", parts[:2], 2, "X,Y or X,Y,-")
    return x, y, not outside


def _numbers(option: str, parts: list[str], count: int, wanted: str) -> list[float]:
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise WrongHint(
            f"{option} {','.join(parts)}: wanted is {wanted}, as shares of the photo (0 to 1) or in pixels."
        )
    return numbers


def _box(sides: tuple[float, ...], width_px: int, height_px: int) -> tuple[float, float, float, float]:
    in_pixels = max(sides) > 1
    by = (width_px, height_px) * 2 if in_pixels else (1, 1) * 2
    left, top, right, bottom = (side / most for side, most in zip(sides, by, strict=True))
    if left >= 1 or top >= 1:
        raise WrongHint(f"The box lies outside the photo, which has {width_px} × {height_px} pixels.")
    right, bottom = min(1.0, right), min(1.0, bottom)
    if (right - left) * width_px < 2 or (bottom - top) * height_px < 2:
        raise WrongHint("The box is smaller than two pixels.")
    return left, top, right, bottom


def _click(
    click: tuple[float, float, bool],
    box: tuple[float, float, float, float] | None,
    width_px: int,
    height_px: int,
) -> Click:
    from gpu_worker.engines.base import Click

    x, y, product = click
    if max(x, y) > 1:
        x, y = x / width_px, y / height_px
    if x > 1 or y > 1:
        raise WrongHint(f"A click lies outside the photo, which has {width_px} × {height_px} pixels.")
    if product and box and not (box[0] <= x <= box[2] and box[1] <= y <= box[3]):
        raise WrongHint(
            "A click on the product lies outside the box, and nothing outside the box is product."
        )
    return Click(x, y, product)


def _trimap(path: Path, width_px: int, height_px: int) -> NDArray[np.uint8]:
    import numpy as np

    try:
        image = pixels.upright(pixels.open_safely(path))
    except OSError as error:
        raise WrongHint(f"{path}: {error.strerror}.") from None
    except pixels.BadImage as error:
        raise WrongHint(f"{path}: {error.message}") from None
    shape = image.width / image.height * height_px / width_px
    if abs(math.log(shape)) > SAME_SHAPE_SHARE:
        raise WrongHint(
            f"{path} has {image.width} × {image.height} pixels, "
            f"another shape than the photo's {width_px} × {height_px}."
        )
    levels = np.array(pixels.on_white(image).convert("L"), dtype=np.uint8)
    if levels.min() == levels.max():
        raise WrongHint(
            f"{path} is of one colour: a trimap is black (backdrop), white (product) and grey (open)."
        )
    return levels
