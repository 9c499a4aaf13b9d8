"""One training picture from a seed: a product over a backdrop with shadow, company, clutter and a camera's faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training import scenes
from gpu_worker.training.bank import Bank, Rgb, Rgba

Float = NDArray[Any]
Rng = np.random.Generator


@dataclass(frozen=True)
class Mix:
    """How often each kind of picture is drawn. The rest of `whole` and the three kinds is `room`."""

    whole: float = 0.16  # real photos as they are
    plain: float = 0.2
    texture: float = 0.2
    behind: float = 0.5  # of the pictures in a room: a large sharp thing stands behind the product
    printed: float = 0.06  # of the composed ones: the product with another surface
    sources: tuple[tuple[str, float], ...] = (("photos", 0.45), ("cutouts", 0.10), ("drawn", 0.45))


def sample(
    seed: tuple[int, int], bank: Bank, size_px: int, mix: Mix | None = None
) -> tuple[Rgb, NDArray[np.uint8]]:
    """(picture size_px × size_px × 3, coverage of the product size_px × size_px), the same for the same seed."""
    rng = np.random.default_rng(seed)
    mix = mix or Mix()
    kind = rng.random()
    if bank.photos and kind < mix.whole:
        picture, alpha = _whole(rng, bank, size_px)
    else:
        picture, alpha = _composed(rng, bank, size_px, mix)
    if rng.random() < 0.5:
        picture, alpha = picture[:, ::-1], alpha[:, ::-1]
    if rng.random() < 0.04:
        picture, alpha = picture[::-1], alpha[::-1]
    seen = _camera(rng, np.ascontiguousarray(picture))
    return seen, np.round(np.clip(alpha, 0, 1) * 255).astype(np.uint8)


def _whole(rng: Rng, bank: Bank, size_px: int) -> tuple[Float, Float]:
    photo = bank.photos[rng.integers(len(bank.photos))]
    height_px, width_px = photo.shape[:2]
    top, bottom, left, right = rng.uniform(0, 0.16, 4) * (rng.random(4) < 0.6)
    if rng.random() < 0.12:  # a close look that cuts the product off
        top, bottom, left, right = rng.uniform(0, 0.36, 4)
    part = photo[
        round(top * height_px) : round((1 - bottom) * height_px),
        round(left * width_px) : round((1 - right) * width_px),
    ]
    small = cv2.resize(np.ascontiguousarray(part), (size_px, size_px), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    return small[..., :3] / 255, small[..., 3] / 255


def _composed(rng: Rng, bank: Bank, size_px: int, mix: Mix) -> tuple[Float, Float]:
    kind = rng.random() * (1 - mix.whole)
    if kind < mix.plain:
        room, busy = False, False
        ground = scenes.scene(rng, size_px, str(rng.choice(["white", "grey", "paper"], p=[0.4, 0.3, 0.3])))
    elif kind < mix.plain + mix.texture:
        room, busy = False, True
        ground = _texture(rng, bank, size_px)
    else:
        room, busy = True, True
        ground = _room(rng, bank, size_px)
    picture: Float = ground.astype(np.float32) / 255
    if room and rng.random() < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 4.0) * size_px / 192)
    if busy and rng.random() < (0.35 if room else 0.15):
        picture = _clutter(rng, bank, picture)
    if rng.random() < (mix.behind if room else 0.1):
        picture = _behind(rng, bank, picture)
    alpha = np.zeros((size_px, size_px), np.float32)
    count = 1 if rng.random() < 0.9 else int(rng.integers(2, 4))
    first = _recoloured(rng, _drawn_from(rng, bank, mix))
    if bank.backdrops and rng.random() < mix.printed:
        first = _printed(rng, first, bank)
    if not room and not busy:
        alike = rng.random()
        if alike < 0.16:
            first = _like_the_ground(rng, first, picture)
        elif alike < 0.36:
            first = _paled(rng, first, picture)
    for index in range(count):
        product = first if index == 0 or rng.random() < 0.5 else _recoloured(rng, _drawn_from(rng, bank, mix))
        placed = _placed(rng, product, size_px, count)
        if placed[..., 3].max() < 0.5:
            continue
        picture = _set_down(rng, picture, placed, busy)
        alpha = np.maximum(alpha, placed[..., 3])
    return picture, alpha


def _drawn_from(rng: Rng, bank: Bank, mix: Mix) -> Rgba:
    sources = [(bank.cutouts[name], weight) for name, weight in mix.sources if bank.cutouts.get(name)]
    weights = np.array([weight for _, weight in sources])
    chosen = sources[int(rng.choice(len(sources), p=weights / weights.sum()))][0]
    return chosen[rng.integers(len(chosen))]


def _texture(rng: Rng, bank: Bank, size_px: int) -> Rgb:
    if not bank.backdrops or rng.random() < 0.5:
        return _window(rng, bank.textures[rng.integers(len(bank.textures))], size_px)
    # The rim of a real photo, mirrored outwards, is cloth, floor or wall without a thing on it.
    photo = bank.backdrops[rng.integers(len(bank.backdrops))]
    deep = max(8, round(0.16 * photo.shape[0]))
    strip = photo[:deep] if rng.random() < 0.5 else photo[-deep:]
    reach = -(-size_px // deep)
    tall = np.concatenate([strip[:: 1 if i % 2 == 0 else -1] for i in range(reach)])
    return _window(rng, np.rot90(tall, int(rng.integers(4))), size_px)


def _room(rng: Rng, bank: Bank, size_px: int) -> Rgb:
    return _window(rng, bank.backdrops[rng.integers(len(bank.backdrops))], size_px)


def _window(rng: Rng, picture: Rgb, size_px: int) -> Rgb:
    """A random part of the picture at a random scale."""
    height_px, width_px = picture.shape[:2]
    share = rng.uniform(0.45, 1.0)
    part_px = max(8, round(min(height_px, width_px) * share))
    wide_px = min(width_px, round(part_px * rng.uniform(1, 1.3)))
    y, x = rng.integers(height_px - part_px + 1), rng.integers(width_px - wide_px + 1)
    part = np.ascontiguousarray(picture[y : y + part_px, x : x + wide_px])
    how = cv2.INTER_AREA if part_px > size_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size_px, size_px), interpolation=how), np.uint8)


def _clutter(rng: Rng, bank: Bank, picture: Float) -> Float:
    """Other things: smaller, behind, at the side, cut by the frame or out of focus. They are not the product."""
    size_px = picture.shape[0]
    out = picture
    everything = [cuts for cuts in bank.cutouts.values() if cuts]
    for _ in range(int(rng.integers(1, 4))):
        cuts = everything[rng.integers(len(everything))]
        thing = _recoloured(rng, cuts[rng.integers(len(cuts))])
        side = rng.choice([-1, 1])
        centre = (0.5 + side * rng.uniform(0.28, 0.55), rng.uniform(0.1, 0.95))
        if rng.random() < 0.3:
            centre = (rng.uniform(0, 1), rng.uniform(-0.1, 0.3))
        placed = _warped(thing, size_px, rng.uniform(0.12, 0.5), centre, rng.normal(0, 12), 1.0)
        if rng.random() < 0.6:
            placed = cv2.GaussianBlur(placed, (0, 0), rng.uniform(0.6, 3.0) * size_px / 192)
        out = placed[..., :3] + out * (1 - placed[..., 3:])
    return out


def _behind(rng: Rng, bank: Bank, picture: Float) -> Float:
    """A large thing in the middle, sharp and lit, that the product stands in front of: the front is meant."""
    size_px = picture.shape[0]
    everything = [cuts for cuts in bank.cutouts.values() if cuts]
    cuts = everything[rng.integers(len(everything))]
    thing = _recoloured(rng, cuts[rng.integers(len(cuts))])
    centre = (0.5 + rng.uniform(-0.3, 0.3), 0.5 + rng.uniform(-0.3, 0.3))
    placed = _warped(
        thing, size_px, rng.uniform(0.5, 1.1), centre, rng.normal(0, 20), rng.uniform(0.85, 1.18)
    )
    return _set_down(rng, picture, placed, busy=True)


def _placed(rng: Rng, product: Rgba, size_px: int, count: int) -> Float:
    """The product on the canvas, colours multiplied by alpha (size_px × size_px × 4, 0 to 1)."""
    length = rng.uniform(0.5, 0.95) if rng.random() < 0.84 else rng.uniform(0.16, 0.55)
    spread = 0.5 * (1 - length) + (0.06 if rng.random() < 0.5 else 0.0)
    if count > 1:
        length, spread = length * 0.6, 0.3
    centre = (
        0.5 + rng.uniform(-1, 1) * spread * rng.random(),
        0.5 + rng.uniform(-1, 1) * spread * rng.random(),
    )
    if rng.random() < 0.09:  # cut by the frame
        length, centre = rng.uniform(0.9, 1.5), (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.8))
    turn = rng.normal(0, 5) if rng.random() < 0.75 else rng.uniform(-180, 180)
    return _warped(product, size_px, length, centre, turn, rng.uniform(0.85, 1.18))


def _warped(
    thing: Rgba, size_px: int, length: float, centre: tuple[float, float], turn_deg: float, stretch: float
) -> Float:
    height_px, width_px = thing.shape[:2]
    scale = length * size_px / max(height_px, width_px)
    if scale < 0.7:  # warpAffine skips pixels when it shrinks
        small = max(2, round(width_px * scale * 1.2)), max(2, round(height_px * scale * 1.2))
        thing = np.asarray(cv2.resize(thing, small, interpolation=cv2.INTER_AREA), np.uint8)
        height_px, width_px = thing.shape[:2]
        scale = length * size_px / max(height_px, width_px)
    move = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), turn_deg, scale)
    move[0] *= stretch
    move[0, 2] += centre[0] * size_px - (move[0, 0] * width_px / 2 + move[0, 1] * height_px / 2 + move[0, 2])
    move[1, 2] += centre[1] * size_px - (move[1, 0] * width_px / 2 + move[1, 1] * height_px / 2 + move[1, 2])
    light = thing.astype(np.float32)
    light *= np.float32(1 / 255)
    light[..., :3] *= light[..., 3:]
    return np.asarray(cv2.warpAffine(light, move, (size_px, size_px), flags=cv2.INTER_LINEAR), np.float32)


def _set_down(rng: Rng, picture: Float, placed: Float, busy: bool) -> Float:
    """The product over the picture, with the shadow and reflection that ground it."""
    alpha = placed[..., 3]
    if rng.random() < (0.6 if busy else 0.78):
        shade = scenes.shadow(rng, alpha)
        picture = picture * (1 - (shade if shade.ndim == 3 else shade[..., None]))
    light = placed[..., :3]
    if rng.random() < 0.35:
        light = light * rng.uniform(0.72, 1.1)
    if rng.random() < 0.15:
        placed = cv2.GaussianBlur(np.dstack([light, alpha]), (0, 0), rng.uniform(0.3, 0.8))
        light, alpha = placed[..., :3], placed[..., 3]
    return light + picture * (1 - alpha[..., None])


def _recoloured(rng: Rng, product: Rgba) -> Rgba:
    """Sometimes another dye: hue turned, washed out, whitened or blackened, as products of a line differ."""
    how = rng.random()
    if how < 0.5:
        return product
    hsv = cv2.cvtColor(np.ascontiguousarray(product[..., :3]), cv2.COLOR_RGB2HSV).astype(np.float32)
    if how < 0.8:
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
        hsv[..., 1] *= rng.uniform(0.3, 1.5)
        hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** rng.uniform(0.5, 1.8)
    elif how < 0.9:
        hsv[..., 1] *= rng.uniform(0, 0.2)
        hsv[..., 2] = 255 - (255 - hsv[..., 2]) * rng.uniform(0.12, 0.5)
    else:
        hsv[..., 1] *= rng.uniform(0, 0.4)
        hsv[..., 2] *= rng.uniform(0.12, 0.5)
    rgb = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([rgb, product[..., 3]])


def _like_the_ground(rng: Rng, product: Rgba, picture: Float) -> Rgba:
    """White on white, black on black: the backdrop's colour, with the product's own light and shade."""
    grey = cv2.cvtColor(np.ascontiguousarray(product[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)[
        ..., None
    ]
    ground = picture.mean(axis=(0, 1)) * 255
    relief = (grey - np.percentile(grey[product[..., 3] > 127], 75)) * rng.uniform(0.2, 0.6)
    own = product[..., :3] * 0.12 + ground * 0.88
    rgb = np.clip(own + relief + rng.uniform(-10, 4), 0, 255).astype(np.uint8)
    return np.dstack([rgb, product[..., 3]])


def _paled(rng: Rng, product: Rgba, picture: Float) -> Rgba:
    """One side of the product in the backdrop's colour: the white sole of a shoe above its shadow, its white lining."""
    height_px, width_px = product.shape[:2]
    turn = rng.normal(np.pi / 2, 0.15) if rng.random() < 0.6 else rng.uniform(0, 2 * np.pi)
    down, across = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    far = across * np.float32(np.cos(turn)) + down * np.float32(np.sin(turn))
    inside = far[product[..., 3] > 127]
    begin, end = float(inside.min()), float(inside.max())
    edge = end - (end - begin) * rng.uniform(0.06, 0.35)
    soft_px = max(1.0, 0.01 * height_px)
    share = np.clip((far - edge) / soft_px + 0.5, 0, 1)[..., None]
    pale = _like_the_ground(rng, product, picture)[..., :3]
    rgb = product[..., :3] * (1 - share) + pale * share
    return np.dstack([np.round(rgb).astype(np.uint8), product[..., 3]])


def _printed(rng: Rng, product: Rgba, bank: Bank) -> Rgba:
    """The product's shape and light with another surface: what it is made of says little about what it is."""
    surfaces = bank.textures if bank.textures and rng.random() < 0.5 else bank.backdrops
    side_px = max(product.shape[:2])
    surface = _window(rng, surfaces[rng.integers(len(surfaces))], side_px)[
        : product.shape[0], : product.shape[1]
    ]
    grey = cv2.cvtColor(np.ascontiguousarray(product[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    lit = np.clip(grey / max(1.0, float(np.median(grey[product[..., 3] > 127]))), 0.3, 1.6)[..., None]
    rgb = np.clip(surface * lit, 0, 255).astype(np.uint8)
    return np.dstack([rgb, product[..., 3]])


def _camera(rng: Rng, picture: Float) -> Rgb:
    """Exposure, colour cast, tone, softness, noise and JPEG, each now and then."""
    size_px = picture.shape[0]
    gain = rng.uniform(0.75, 1.15) if rng.random() < 0.6 else 1.0
    cast = 1 + rng.normal(0, 0.05, 3) * (rng.random() < 0.4)
    out = picture * (gain * cast).astype(np.float32)
    if rng.random() < 0.15:
        ramp = np.linspace(rng.uniform(0.75, 1), rng.uniform(0.85, 1.1), size_px, dtype=np.float32)
        out *= ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]
    out = np.clip(out, 0, 1)
    if rng.random() < 0.3:
        out = out ** np.float32(rng.uniform(0.75, 1.35))
    if rng.random() < 0.25:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.6:
        coarse = rng.random() < 0.5
        side = size_px // 2 if coarse else size_px
        noise = rng.standard_normal((side, side, 3), dtype=np.float32) * np.float32(rng.uniform(0.003, 0.03))
        out = out + (cv2.resize(noise, (size_px, size_px)) if coarse else noise)
    seen = np.round(np.clip(out, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(45, 95))
        _, coded = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, quality])
        seen = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return seen
