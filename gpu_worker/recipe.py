"""The recipe as the worker reads it: every field checked by name, defaults filled in, unknown fields refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from gpu_worker.errors import BadRecipe

BACKDROPS = ("solid", "gradient", "image", "transparent")
SHADOWS = ("contact", "cast", "none")
FORMATS = ("jpeg", "png", "webp", "avif")
CANVAS_MAX_PX = 10_000
HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Backdrop:
    """What lies behind the product. `color2` is the lower end of a gradient; kind ``image`` takes the
    input named backdrop."""

    kind: str = "solid"
    color: str = "#ffffff"
    color2: str | None = None

    @property
    def rgb(self) -> Colour:
        return _rgb(self.color)

    @property
    def rgb2(self) -> Colour:
        return _rgb(self.color2 or self.color)


@dataclass(frozen=True)
class Framing:
    """`canvas_px` (width, height), or None to keep the photo's own size and place; `fill` is the product's
    share of it."""

    canvas_px: tuple[int, int] | None = (1600, 1600)
    fill: float = 0.85


@dataclass(frozen=True)
class Shadow:
    """`strength` 0 to 1 scales the darkness of the shadow."""

    kind: str = "contact"
    strength: float = 1.0


@dataclass(frozen=True)
class Output:
    """`max_bytes` is met by lowering quality; `disclose` writes the IPTC mark for AI-assisted composites."""

    format: str = "jpeg"
    max_bytes: int | None = None
    quality: int | None = None
    disclose: bool = False


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe. `review` is for the policy that judges later and passes through untouched."""

    pipeline: str = "background"
    engine: str = "classic"
    backdrop: Backdrop = field(default_factory=Backdrop)
    framing: Framing = field(default_factory=Framing)
    shadow: Shadow = field(default_factory=Shadow)
    output: Output = field(default_factory=Output)
    review: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The recipe with every default spelt out, as `parse` takes it."""
        raw = asdict(self)
        canvas = self.framing.canvas_px
        raw["framing"]["canvas_px"] = list(canvas) if canvas else None
        return raw


def parse(raw: Any) -> Recipe:
    """Checks a recipe as it stands in a file or a message. Raises BadRecipe naming the wrong field."""
    fields = _table(
        raw, "recipe", {"pipeline", "engine", "backdrop", "framing", "shadow", "output", "review"}
    )
    review = fields.get("review") or {}
    if not isinstance(review, Mapping):
        _wrong("review", "a table", review)
    backdrop, output = _backdrop(fields.get("backdrop")), _output(fields.get("output"))
    if backdrop.kind == "transparent" and output.format == "jpeg":
        _wrong("output.format", "png, webp or avif where the backdrop is transparent", output.format)
    return Recipe(
        pipeline=_word(fields.get("pipeline", "background"), "pipeline"),
        engine=_word(fields.get("engine", "classic"), "engine"),
        backdrop=backdrop,
        framing=_framing(fields.get("framing")),
        shadow=_shadow(fields.get("shadow")),
        output=output,
        review=dict(review),
    )


def _backdrop(raw: Any) -> Backdrop:
    fields = _table(raw, "backdrop", {"kind", "color", "color2"})
    color2 = fields.get("color2")
    return Backdrop(
        kind=_one_of(fields.get("kind", "solid"), "backdrop.kind", BACKDROPS),
        color=_colour(fields.get("color", "#ffffff"), "backdrop.color"),
        color2=None if color2 is None else _colour(color2, "backdrop.color2"),
    )


def _framing(raw: Any) -> Framing:
    fields = _table(raw, "framing", {"canvas_px", "fill"})
    canvas = fields.get("canvas_px", [1600, 1600])
    fill = _number(fields.get("fill", 0.85), "framing.fill", 0.05, 1.0)
    if canvas is None:
        return Framing(None, fill)
    if not isinstance(canvas, list | tuple) or len(canvas) != 2:
        _wrong("framing.canvas_px", "[width, height] or null", canvas)
    width_px, height_px = (_integer(side, "framing.canvas_px", 16, CANVAS_MAX_PX) for side in canvas)
    return Framing((width_px, height_px), fill)


def _shadow(raw: Any) -> Shadow:
    fields = _table(raw, "shadow", {"kind", "strength"})
    return Shadow(
        kind=_one_of(fields.get("kind", "contact"), "shadow.kind", SHADOWS),
        strength=_number(fields.get("strength", 1.0), "shadow.strength", 0.0, 1.0),
    )


def _output(raw: Any) -> Output:
    fields = _table(raw, "output", {"format", "max_bytes", "quality", "disclose"})
    max_bytes, quality = fields.get("max_bytes"), fields.get("quality")
    disclose = fields.get("disclose", False)
    if not isinstance(disclose, bool):
        _wrong("output.disclose", "true or false", disclose)
    return Output(
        format=_one_of(fields.get("format", "jpeg"), "output.format", FORMATS),
        max_bytes=None if max_bytes is None else _integer(max_bytes, "output.max_bytes", 1, 2**40),
        quality=None if quality is None else _integer(quality, "output.quality", 1, 100),
        disclose=disclose,
    )


def _table(raw: Any, name: str, known: set[str]) -> Mapping[str, Any]:
    if raw is None and name != "recipe":
        return {}
    if not isinstance(raw, Mapping):
        _wrong(name, "a table", raw)
    unknown = sorted(str(key) for key in raw if key not in known)
    if unknown:
        prefix = "" if name == "recipe" else f"{name}."
        raise BadRecipe(f"The recipe has a field that is not known: {prefix}{unknown[0]}.")
    return raw


def _one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    return value if value in allowed else _wrong(name, "one of " + ", ".join(allowed), value)


def _word(value: Any, name: str) -> str:
    return value if isinstance(value, str) and value else _wrong(name, "a name", value)


def _colour(value: Any, name: str) -> str:
    good = isinstance(value, str) and HEX_COLOUR.match(value)
    return value.lower() if good else _wrong(name, "a colour such as #ffffff", value)


def _number(value: Any, name: str, low: float, high: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    return float(value) if good else _wrong(name, f"a number from {low:g} to {high:g}", value)


def _integer(value: Any, name: str, low: int, high: int) -> int:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return value if good else _wrong(name, f"a whole number from {low} to {high}", value)


def _wrong(name: str, wanted: str, value: Any) -> NoReturn:
    raise BadRecipe(f"The recipe's {name} must be {wanted}, not {value!r:.60}.")


def _rgb(color: str) -> Colour:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
