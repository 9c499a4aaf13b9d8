"""What a stage is, and the state that pipelines hand from one stage to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.engines.base import Alpha, Engine, Matte, Rgb
from gpu_worker.recipe import Cutout, Recipe
from gpu_worker.stages.captions import Captions

Light = NDArray[np.float32]
Gains = tuple[float, float, float]
Slices = tuple[slice, slice]
Size = tuple[float, float]
UNCHANGED: Gains = (1.0, 1.0, 1.0)
NO_WORDS = Captions()


@dataclass(frozen=True)
class Placement:
    """Where the product goes: the source box (x0, y0, x1, y1) is scaled to `size_px` and lands at `at_px`
    on the canvas.

    With an `angle_degrees` (clockwise as seen) the box's centre lands on the centre of the patch `size_px`, turned
    about it and scaled by `zoom`. `sharpen` is the amount of unsharp masking after shrinking. All of it is one declared
    transform, which fidelity is measured against.
    """

    box_px: tuple[int, int, int, int]
    size_px: tuple[int, int]
    at_px: tuple[int, int]
    canvas_px: tuple[int, int]
    angle_degrees: float = 0.0
    zoom: float | None = None
    sharpen: float = 0.0

    @property
    def box_size_px(self) -> tuple[int, int]:
        """Width and height of the source box."""
        x0, y0, x1, y1 = self.box_px
        return x1 - x0, y1 - y0

    @property
    def resized(self) -> bool:
        """Whether pixels are resampled; if not, they are copied as they are."""
        return self.angle_degrees != 0 or self.box_size_px != self.size_px

    @property
    def scale(self) -> float:
        """Canvas pixels per source pixel along the longer side."""
        return self.zoom if self.zoom is not None else max(self.size_px) / max(self.box_size_px)

    def to_canvas(self) -> NDArray[np.float64]:
        """2 × 3: continuous source coordinates (x, y, 1) → canvas coordinates."""
        x0, y0, x1, y1 = self.box_px
        if self.zoom is None:
            sx, sy = self.size_px[0] / (x1 - x0), self.size_px[1] / (y1 - y0)
            return np.array([[sx, 0, self.at_px[0] - x0 * sx], [0, sy, self.at_px[1] - y0 * sy]], np.float64)
        turn = np.radians(self.angle_degrees)
        linear = self.zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.array([self.at_px[0] + self.size_px[0] / 2, self.at_px[1] + self.size_px[1] / 2])
        return np.column_stack([linear, middle - linear @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])])


def on_canvas(
    at_px: tuple[int, int], size_px: tuple[int, int], canvas_px: tuple[int, int]
) -> tuple[Slices, Slices] | None:
    """(what a patch covers of the canvas, the same of the patch); None where it lies outside."""
    (x, y), (width_px, height_px) = at_px, size_px
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(width_px, canvas_px[0] - x), min(height_px, canvas_px[1] - y)
    if left >= right or top >= bottom:
        return None
    there = slice(top + y, bottom + y), slice(left + x, right + x)
    return there, (slice(top, bottom), slice(left, right))


@dataclass(frozen=True)
class Glass:
    """Where the product lets light through: `clear` at the photo's size (H × W, 0 solid to 255 glass), and the light of
    the old backdrop `behind` it on a small copy (h × w × 3)."""

    clear: NDArray[np.uint8]
    behind: Light


@dataclass(frozen=True)
class Layer:
    """The placed product at its final size: its own colours (not premultiplied) and its alpha.

    Of glass alpha tells only what must be covered. `outline` is then all that the product fills, and `through` the
    share of the light behind that passes, inside and out: what glass mirrors comes on top, so it is more than
    1 - alpha. H × W each.
    """

    rgb: Rgb
    alpha: Alpha
    outline: Alpha | None = None
    through: Alpha | None = None

    @property
    def cover(self) -> Alpha:
        """All that the product fills, glass or not (H × W)."""
        return self.alpha if self.outline is None else self.outline


@dataclass(frozen=True)
class Patch:
    """Values of a rectangle that lies on the canvas with its left upper corner at `at_px`; outside they are 0."""

    at_px: tuple[int, int]
    values: NDArray[np.float32]

    @property
    def there(self) -> Slices:
        """The rectangle in the canvas."""
        (x, y), (height_px, width_px) = self.at_px, self.values.shape[:2]
        return slice(y, y + height_px), slice(x, x + width_px)


@dataclass(frozen=True)
class Encoded:
    """One finished file."""

    data: bytes
    format: str
    width_px: int
    height_px: int
    quality: int | None = None


@dataclass(frozen=True)
class GroupPhoto:
    """One of the photos of a product that share a scale. `read` gives its bytes and is called only if they are needed;
    it raises a WorkerError where they can't be had. `cutout` is what a person says of this very photo."""

    sha256: str
    read: Callable[[], bytes]
    cutout: Cutout = field(default_factory=Cutout)


class Mattes(Protocol):
    """Where cut-outs are kept for other recipes of the same photo. `name` stands for all that decides on one."""

    def recall(self, name: str, shape: tuple[int, ...]) -> Matte | None:
        """The matte of that name for a photo of that shape (H × W), to the bit; None where there is none."""
        ...

    def keep(self, name: str, matte: Matte) -> None:
        """Leaves it there. Raises nothing that a storage could cause."""
        ...


@dataclass
class State:
    """Everything known about one render so far. A stage reads the fields in its `needs` and sets those in
    its `gives`."""

    recipe: Recipe
    inputs: Mapping[str, bytes]
    engine: Engine
    seed: int = 0
    group: tuple[GroupPhoto, ...] = ()  # the photos that share a scale, this one among them
    mattes: Mattes | None = None  # None: nothing is kept

    group_sizes_px: tuple[Size, ...] = ()  # group: the product's width and height in each that counts
    image: Image.Image | None = None  # load: decoded, as stored
    rgb: Rgb | None = None  # normalise: upright, sRGB, never resized
    given_alpha: Alpha | None = None  # normalise: the file's own cut-out, if it has a useful one
    matte: Matte | None = None  # cutout: glass counts as solid
    glass: Glass | None = None  # glass: None where the product is wholly solid
    placement: Placement | None = None  # frame
    gains: Gains = UNCHANGED  # correct: what red, green and blue light are multiplied by
    backdrop: Rgb | None = None  # backdrop: canvas H × W × 3; None while transparent
    shade: Patch | None = None  # shadow: H × W, share of light taken away
    freed: Rgb | None = (
        None  # place: the placement's source box, its edge freed from the old backdrop's colour
    )
    layer: Layer | None = None  # place: the product at its final size
    mirrored: Patch | None = None  # reflection: H × W × 4, premultiplied linear light and alpha
    picture: NDArray[np.uint8] | None = None  # compose: canvas H × W × 3, or × 4 where transparent
    words: Captions = NO_WORDS  # encode: what the photo's metadata say about it
    files: dict[str, Encoded] = field(default_factory=dict)  # encode
    notes: dict[str, float | int | str | bool] = field(default_factory=dict)
    looked_up: dict[str, Any] = field(default_factory=dict)  # what several stages ask for and one computes


class Stage(Protocol):
    """One step. `version` is raised by hand when its pixels change: it keys the render cache.

    `engine` is True where the recipe's engine computes it; the engine's own version for the stage counts too.
    """

    name: str
    needs: tuple[str, ...]
    gives: tuple[str, ...]
    engine: bool
    version: str

    def run(self, state: State) -> None:
        """Does the step. Raises a WorkerError."""
        ...
