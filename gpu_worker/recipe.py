"""The recipe as the worker reads it: every field checked by name, defaults filled in, unknown fields refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gpu_worker.checks import (
    colour,
    flag,
    integer,
    number,
    one_of,
    optional,
    shares,
    table,
    word,
    wrong,
)

BACKDROPS = ("solid", "sweep", "gradient", "image", "transparent")
SHAPES = ("linear", "radial")
SHADOWS = ("contact", "cast", "keep", "none")
FORMATS = ("jpeg", "png", "webp", "avif")
SWITCH = ("off", "auto")
CONSISTENT = ("off", "product")
CORRECTIONS = ("off", "auto", "exposure", "white_balance")
# Word → where the product stands in the room that margins leave: shares of the free width and height.
ANCHORS: Mapping[str, tuple[float, float]] = {
    "center": (0.5, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top-left": (0.0, 0.0),
    "top-right": (1.0, 0.0),
    "bottom-left": (0.0, 1.0),
    "bottom-right": (1.0, 1.0),
}
CANVAS_MAX_PX = 10_000
CLICKS_MAX = 64
OUTPUTS_MAX = 8
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
# What the worker itself names its files.
TAKEN_NAMES = ("main", "cutout", "result")

Colour = tuple[int, int, int]
Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cutout:
    """What a person says about where the product is, in shares of the photo.

    `box` is left, top, right, bottom; `clicks` are x, y, on the product?; `keep_holes` True leaves what is seen through
    handles open, None lets the engine decide. `see_through` True shows the new backdrop through glass and clear
    plastic; False says that nothing is, None that nobody said: then the product is solid, and what looks like glass
    is measured.
    """

    box: Four | None = None
    clicks: tuple[tuple[float, float, bool], ...] = ()
    keep_holes: bool | None = None
    see_through: bool | None = None


@dataclass(frozen=True)
class Backdrop:
    """What lies behind the product.

    ``solid``: `color`. ``sweep``: a wall of `color` that runs into a floor of `color2` at `horizon` (share of the
    height from the top; None: behind the product's foot), `softness` of the height wide. ``gradient``: from `color` to
    `color2`, linear along `angle` (degrees, 0 downwards, 90 to the left) or radial from `center` (shares). ``image``:
    the input with the role backdrop. ``transparent``: nothing.
    """

    kind: str = "solid"
    color: str = "#ffffff"
    color2: str | None = None
    shape: str = "linear"
    angle: float = 0.0
    center: tuple[float, float] = (0.5, 0.5)
    horizon: float | None = None
    softness: float = 0.25

    @property
    def rgb(self) -> Colour:
        return _rgb(self.color)

    @property
    def rgb2(self) -> Colour:
        return _rgb(self.color2 or self.color)


@dataclass(frozen=True)
class Framing:
    """`canvas_px` (width, height), or None to keep the photo's own size and place; `fill` is the product's share of it.

    `margins` (left, top, right, bottom, shares of the canvas) are kept free of the product; None is what `fill` leaves.
    `anchor` says where it stands in the room between them. `scale_px_per_px` (canvas per photo pixel) overrides `fill`,
    so that photos share it. `consistent` ``product`` has the worker find that scale for the photos of one product.
    `straighten` turns small tilts upright.
    """

    canvas_px: tuple[int, int] | None = (1600, 1600)
    fill: float = 0.85
    margins: Four | None = None
    anchor: str = "center"
    scale_px_per_px: float | None = None
    straighten: str = "off"
    consistent: str = "off"


@dataclass(frozen=True)
class Shadow:
    """``contact`` and ``cast`` are drawn, ``keep`` carries the photo's own over. `strength` scales the darkness."""

    kind: str = "contact"
    strength: float = 1.0


@dataclass(frozen=True)
class Light:
    """Where the light for drawn shadows comes from.

    `azimuth` in degrees seen from above (0 the camera's side, 90 from the right, 180 from behind, 270 from the left),
    `elevation` in degrees above the ground, `softness` 0 (a lamp) to 1 (a tent).
    """

    azimuth: float = 320.0
    elevation: float = 50.0
    softness: float = 0.5


@dataclass(frozen=True)
class Reflection:
    """The product mirrored in the floor: `strength` 0 (none) to 1, gone after the share `fade` of its height."""

    strength: float = 0.0
    fade: float = 0.35


@dataclass(frozen=True)
class Output:
    """`max_bytes` is met by lowering quality; `disclose` writes the IPTC mark for AI-assisted composites; `sharpen`
    gives back what shrinking takes."""

    format: str = "jpeg"
    max_bytes: int | None = None
    quality: int | None = None
    disclose: bool = False
    sharpen: str = "off"


@dataclass(frozen=True)
class Extra:
    """One more file of the same picture: `longest_px` is its longer side, `format` None is that of the main file."""

    name: str
    longest_px: int
    format: str | None = None
    max_bytes: int | None = None
    quality: int | None = None


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe. `correct` is off, auto, exposure or white_balance. `review` and `publish` are
    for what comes after rendering and pass through untouched."""

    pipeline: str = "background"
    engine: str = "classic"
    cutout: Cutout = field(default_factory=Cutout)
    correct: str = "off"
    backdrop: Backdrop = field(default_factory=Backdrop)
    framing: Framing = field(default_factory=Framing)
    shadow: Shadow = field(default_factory=Shadow)
    light: Light = field(default_factory=Light)
    reflection: Reflection = field(default_factory=Reflection)
    output: Output = field(default_factory=Output)
    outputs: tuple[Extra, ...] = ()
    review: Mapping[str, Any] = field(default_factory=dict)
    publish: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The recipe with every default spelt out, as JSON holds it and `parse` takes it."""
        raw: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return raw


def parse(raw: Any) -> Recipe:
    """Checks a recipe as it stands in a file or a message. Raises BadRecipe naming the wrong field."""
    fields = table(raw, "recipe", Recipe)
    later = {name: fields.get(name) or {} for name in ("review", "publish")}
    for name, part in later.items():
        if not isinstance(part, Mapping):
            wrong(name, "a table", part)
    made = Recipe(
        pipeline=word(fields.get("pipeline", "background"), "pipeline"),
        engine=word(fields.get("engine", "classic"), "engine"),
        cutout=cutout(fields.get("cutout")),
        correct=one_of(fields.get("correct", "off"), "correct", CORRECTIONS),
        backdrop=_backdrop(fields.get("backdrop")),
        framing=_framing(fields.get("framing")),
        shadow=_shadow(fields.get("shadow")),
        light=_light(fields.get("light")),
        reflection=_reflection(fields.get("reflection")),
        output=_output(fields.get("output")),
        outputs=_outputs(fields.get("outputs")),
        review=dict(later["review"]),
        publish=dict(later["publish"]),
    )
    _refuse_opaque_files_of_nothing(made)
    return made


def _refuse_opaque_files_of_nothing(made: Recipe) -> None:
    if made.backdrop.kind != "transparent":
        return
    wanted = "png, webp or avif where the backdrop is transparent"
    if made.output.format == "jpeg":
        wrong("output.format", wanted, made.output.format)
    for place, extra in enumerate(made.outputs):
        if extra.format == "jpeg":
            wrong(f"outputs[{place}].format", wanted, extra.format)


def cutout(raw: Any) -> Cutout:
    """The table ``cutout`` alone, checked. Raises BadRecipe."""
    fields = table(raw, "cutout", Cutout)
    box = fields.get("box")
    if box is not None:
        left, top, right, bottom = shares(box, "cutout.box", 4)
        if left >= right or top >= bottom:
            wrong("cutout.box", "[left, top, right, bottom] with left < right and top < bottom", box)
        box = (left, top, right, bottom)
    clicks = fields.get("clicks") or []
    if not isinstance(clicks, list | tuple) or len(clicks) > CLICKS_MAX:
        wrong("cutout.clicks", f"a list of at most {CLICKS_MAX} [x, y, on the product?]", clicks)
    holes, glass = fields.get("keep_holes"), fields.get("see_through")
    return Cutout(
        box=box,
        clicks=tuple(_click(click) for click in clicks),
        keep_holes=None if holes is None else flag(holes, "cutout.keep_holes"),
        see_through=None if glass is None else flag(glass, "cutout.see_through"),
    )


def _click(raw: Any) -> tuple[float, float, bool]:
    if not isinstance(raw, list | tuple) or len(raw) != 3 or not isinstance(raw[2], bool):
        wrong("cutout.clicks", "a list of [x, y, true or false]", raw)
    x, y = shares(raw[:2], "cutout.clicks", 2)
    return x, y, raw[2]


def _backdrop(raw: Any) -> Backdrop:
    fields = table(raw, "backdrop", Backdrop)
    color2, horizon = fields.get("color2"), fields.get("horizon")
    x, y = shares(fields.get("center", (0.5, 0.5)), "backdrop.center", 2)
    return Backdrop(
        kind=one_of(fields.get("kind", "solid"), "backdrop.kind", BACKDROPS),
        color=colour(fields.get("color", "#ffffff"), "backdrop.color"),
        color2=None if color2 is None else colour(color2, "backdrop.color2"),
        shape=one_of(fields.get("shape", "linear"), "backdrop.shape", SHAPES),
        angle=number(fields.get("angle", 0.0), "backdrop.angle", -360, 360),
        center=(x, y),
        horizon=None if horizon is None else number(horizon, "backdrop.horizon", 0.0, 1.0),
        softness=number(fields.get("softness", 0.25), "backdrop.softness", 0.0, 1.0),
    )


def _framing(raw: Any) -> Framing:
    fields = table(raw, "framing", Framing)
    canvas, scale = fields.get("canvas_px", [1600, 1600]), fields.get("scale_px_per_px")
    if canvas is not None:
        if not isinstance(canvas, list | tuple) or len(canvas) != 2:
            wrong("framing.canvas_px", "[width, height] or null", canvas)
        canvas = tuple(integer(side, "framing.canvas_px", 16, CANVAS_MAX_PX) for side in canvas)
    return Framing(
        canvas_px=canvas,
        fill=number(fields.get("fill", 0.85), "framing.fill", 0.05, 1.0),
        margins=_margins(fields.get("margins")),
        anchor=one_of(fields.get("anchor", "center"), "framing.anchor", tuple(ANCHORS)),
        scale_px_per_px=None if scale is None else number(scale, "framing.scale_px_per_px", 0.001, 100),
        straighten=one_of(fields.get("straighten", "off"), "framing.straighten", SWITCH),
        consistent=one_of(fields.get("consistent", "off"), "framing.consistent", CONSISTENT),
    )


def _margins(raw: Any) -> Four | None:
    if raw is None:
        return None
    left, top, right, bottom = shares(raw, "framing.margins", 4)
    if left + right > 0.9 or top + bottom > 0.9:
        wrong("framing.margins", "[left, top, right, bottom] that leave a tenth of the canvas free", raw)
    return left, top, right, bottom


def _shadow(raw: Any) -> Shadow:
    fields = table(raw, "shadow", Shadow)
    return Shadow(
        kind=one_of(fields.get("kind", "contact"), "shadow.kind", SHADOWS),
        strength=number(fields.get("strength", 1.0), "shadow.strength", 0.0, 1.0),
    )


def _light(raw: Any) -> Light:
    fields = table(raw, "light", Light)
    return Light(
        azimuth=number(fields.get("azimuth", 320.0), "light.azimuth", -360, 360),
        elevation=number(fields.get("elevation", 50.0), "light.elevation", 15, 85),
        softness=number(fields.get("softness", 0.5), "light.softness", 0.0, 1.0),
    )


def _reflection(raw: Any) -> Reflection:
    fields = table(raw, "reflection", Reflection)
    return Reflection(
        strength=number(fields.get("strength", 0.0), "reflection.strength", 0.0, 1.0),
        fade=number(fields.get("fade", 0.35), "reflection.fade", 0.02, 1.0),
    )


def _output(raw: Any) -> Output:
    fields = table(raw, "output", Output)
    return Output(
        format=one_of(fields.get("format", "jpeg"), "output.format", FORMATS),
        max_bytes=optional(fields.get("max_bytes"), "output.max_bytes", 1, 2**40),
        quality=optional(fields.get("quality"), "output.quality", 1, 100),
        disclose=flag(fields.get("disclose", False), "output.disclose"),
        sharpen=one_of(fields.get("sharpen", "off"), "output.sharpen", SWITCH),
    )


def _outputs(raw: Any) -> tuple[Extra, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list | tuple) or len(raw) > OUTPUTS_MAX:
        wrong("outputs", f"a list of at most {OUTPUTS_MAX} files", raw)
    made = tuple(_extra(each, f"outputs[{place}]") for place, each in enumerate(raw))
    names = [extra.name for extra in made]
    for place, name in enumerate(names):
        if name in names[:place]:
            wrong(f"outputs[{place}].name", "a name of its own", name)
    return made


def _extra(raw: Any, name: str) -> Extra:
    fields = table({} if raw is None else raw, name, Extra)
    called, format = fields.get("name"), fields.get("format")
    if not isinstance(called, str) or not FILE_NAME.match(called) or called in TAKEN_NAMES:
        wrong(f"{name}.name", "a short name such as zoom or thumb", called)
    return Extra(
        name=called,
        longest_px=integer(fields.get("longest_px"), f"{name}.longest_px", 16, CANVAS_MAX_PX),
        format=None if format is None else one_of(format, f"{name}.format", FORMATS),
        max_bytes=optional(fields.get("max_bytes"), f"{name}.max_bytes", 1, 2**40),
        quality=optional(fields.get("quality"), f"{name}.quality", 1, 100),
    )


def _rgb(color: str) -> Colour:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
