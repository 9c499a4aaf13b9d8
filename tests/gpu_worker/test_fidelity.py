"""The product's pixels are the merchant's: proved over random products and placements, and by bugs that must be seen."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker import light, recipe, resample, runner
from gpu_worker.engines.base import Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.qa import fidelity
from gpu_worker.recipe import ANCHORS, Framing
from gpu_worker.stages.backdrop import Backdrop
from gpu_worker.stages.base import State
from gpu_worker.stages.compose import Compose
from gpu_worker.stages.encode import encode
from gpu_worker.stages.frame import place, place_turned, product_box, sharpening
from gpu_worker.stages.place import Place, reader
from gpu_worker.stages.reflection import Reflection
from gpu_worker.stages.shadow import Shadow


def product(seed: int, width_px: int, height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """(a textured photo, the soft matte of a random blob of ellipses, some with a hole)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (height_px, width_px, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 3.0) * 160 + cv2.GaussianBlur(noise, (0, 0), 0.9) * 12
    rgb = np.clip(texture + rng.integers(60, 190, 3), 0, 255).astype(np.uint8)
    fine = np.zeros((height_px * 4, width_px * 4), np.uint8)
    for number in range(rng.integers(1, 5)):
        centre = (rng.uniform(0.3, 0.7, 2) * (width_px * 4, height_px * 4)).astype(int)
        axes = (rng.uniform(0.12, 0.32, 2) * (width_px * 4, height_px * 4)).astype(int)
        cv2.ellipse(fine, centre.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, 255, -1)
        if number == 1:
            cv2.ellipse(fine, centre.tolist(), (axes // 3).tolist(), 0, 0, 360, 0, -1)
    alpha = cv2.resize(fine, (width_px, height_px), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return rgb, alpha


def composed(
    rgb: np.ndarray, alpha: np.ndarray, raw: dict, angle: float = 0.0, gains=(1.0, 1.0, 1.0)
) -> State:
    """Everything between cut-out and file, with a chosen turn and chosen gains."""
    state = State(recipe.parse(raw), {}, FakeEngine())
    state.rgb, state.matte, state.gains = rgb, Matte(alpha, 1.0), gains
    framing, source_px = state.recipe.framing, (rgb.shape[1], rgb.shape[0])
    box = product_box(alpha) or (0, 0, *source_px)
    state.placement = place_turned(alpha, box, framing, angle) if angle else place(box, source_px, framing)
    if state.recipe.output.sharpen == "auto":
        state.placement = replace(state.placement, sharpen=sharpening(state.placement.scale))
    for stage in (Backdrop(), Shadow(), Place(), Reflection(), Compose()):
        stage.run(state)
    return state


def measured(state: State) -> dict:
    main = encode(state.picture, state.recipe.output)
    return fidelity.measure(state.rgb, state.matte.alpha, state.placement, state.picture, main, state.gains)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    width_px=st.integers(60, 260),
    height_px=st.integers(60, 260),
    canvas=st.tuples(st.integers(40, 420), st.integers(40, 420)),
    fill=st.floats(0.3, 1.0),
    anchor=st.sampled_from(sorted(ANCHORS)),
    margin=st.one_of(st.none(), st.floats(0, 0.3)),
    angle=st.one_of(st.just(0.0), st.floats(-8, 8)),
    gains=st.one_of(st.just((1.0, 1.0, 1.0)), st.tuples(*[st.floats(0.8, 1.4)] * 3)),
    sharpen=st.sampled_from(["off", "auto"]),
    backdrop=st.sampled_from(["solid", "sweep", "gradient", "transparent"]),
    shadow=st.sampled_from(["contact", "cast", "keep", "none"]),
    mirror=st.sampled_from([0.0, 0.6]),
)
def test_the_products_pixels_are_the_merchants_under_any_declared_transform(
    seed, width_px, height_px, canvas, fill, anchor, margin, angle, gains, sharpen, backdrop, shadow, mirror
):
    rgb, alpha = product(seed, width_px, height_px)
    raw = {
        "framing": {
            "canvas_px": list(canvas),
            "fill": fill,
            "anchor": anchor,
            "margins": None if margin is None else [margin, margin / 2, margin / 3, margin],
        },
        "backdrop": {"kind": backdrop, "color": "#f0e8e0", "color2": "#405060"},
        "shadow": {"kind": shadow},
        "reflection": {"strength": mirror},
        "output": {"format": "png", "sharpen": sharpen},
    }
    state = composed(rgb, alpha, raw, angle, gains)
    found = measured(state)
    untouched = not state.placement.resized and gains == (1.0, 1.0, 1.0)
    assert found["fidelity_levels_max"] <= (0 if untouched else 1)
    # A file that keeps every pixel can be off by that one level of rounding and no more.
    assert found["fidelity_delta_e_p95"] <= 1.0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.integers(0, 40))
@example(seed=9, shift=0)
def test_without_a_resize_and_a_tone_curve_nothing_changes_by_a_single_level(seed, shift):
    rgb, alpha = product(seed, 150, 120)
    # Room for the margins too: a scale that is given is kept, and what does not fit would be cut off.
    canvas = [200 + shift, 170 + shift]
    scale = {"canvas_px": canvas, "scale_px_per_px": 1.0, "anchor": "top-left"}
    state = composed(rgb, alpha, {"framing": scale, "output": {"format": "png"}})
    assert not state.placement.resized
    found = measured(state)
    assert found["fidelity_levels_max"] == 0
    dx = state.placement.at_px[0] - state.placement.box_px[0]
    dy = state.placement.at_px[1] - state.placement.box_px[1]
    rows, columns = np.nonzero(alpha == 1)
    assert np.array_equal(state.picture[rows + dy, columns + dx], rgb[rows, columns])


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    canvas=st.integers(150, 420),
    format=st.sampled_from(["jpeg", "webp"]),
)
def test_what_shoppers_get_shows_the_same_colours(seed, canvas, format, make_photo):
    made = runner.render(
        {"framing": {"canvas_px": [canvas, canvas]}, "output": {"format": format}},
        {"main": make_photo(seed)},
        engine=FakeEngine(),
    )
    assert made.measures["fidelity_levels_max"] <= 1
    assert made.measures["fidelity_delta_e_p95"] <= 1.0


@pytest.fixture(scope="module")
def make_photo(encoded):
    """A textured blob on white as a file's bytes."""

    def make(seed: int) -> bytes:
        rgb, alpha = product(seed, 240, 200)
        flat = rgb * alpha[..., None] + 255 * (1 - alpha[..., None])
        return encoded(np.round(flat).astype(np.uint8), "PNG")

    return make


def _moved_by_a_pixel(state: State) -> np.ndarray:
    return np.roll(state.picture, 1, axis=1)


def _red_and_blue_exchanged(state: State) -> np.ndarray:
    return np.ascontiguousarray(state.picture[..., ::-1])


def _half_see_through(state: State) -> np.ndarray:
    ground = np.full_like(state.picture, 255)
    return cv2.addWeighted(state.picture, 0.97, ground, 0.03, 0)


def _resampled_without_linear_light(state: State) -> np.ndarray:
    x0, y0, x1, y1 = state.placement.box_px
    size = state.placement.size_px
    small = Image.fromarray(state.rgb[y0:y1, x0:x1]).resize(size, Image.Resampling.LANCZOS)
    out = state.picture.copy()
    x, y = state.placement.at_px
    solid = state.layer.alpha == 1
    out[y : y + size[1], x : x + size[0]][solid] = np.asarray(small)[solid]
    return out


def _brightened_without_saying_so(state: State) -> np.ndarray:
    return cv2.convertScaleAbs(state.picture, alpha=1.04)


def _smoothed_as_a_careless_model_would(state: State) -> np.ndarray:
    return cv2.bilateralFilter(state.picture, 5, 25, 5)


def _one_patch_repainted(state: State) -> np.ndarray:
    out = state.picture.copy()
    y, x = (
        round(float(np.median(c))) for c in np.nonzero(fidelity.solid(state.matte.alpha, state.placement))
    )
    y, x = y + state.placement.at_px[1], x + state.placement.at_px[0]
    out[y - 1 : y + 2, x - 1 : x + 2] ^= 0x18
    return out


BUGS = [
    _moved_by_a_pixel,
    _red_and_blue_exchanged,
    _half_see_through,
    _resampled_without_linear_light,
    _brightened_without_saying_so,
    _smoothed_as_a_careless_model_would,
    _one_patch_repainted,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__.strip("_"))
def test_a_compositing_bug_is_caught(bug):
    rgb, _ = product(11, 300, 260)
    yy, xx = np.mgrid[0:260, 0:300]
    alpha = np.clip(100.5 - np.hypot(xx - 149.5, yy - 129.5), 0, 1).astype(np.float32)
    # Fine stripes: what is lost without linear light is lost in fine detail.
    rgb = np.where(((xx // 2) % 2)[..., None] == 0, rgb, 255 - rgb)
    state = composed(rgb, alpha, {"framing": {"canvas_px": [200, 200]}, "output": {"format": "png"}})
    assert measured(state)["fidelity_levels_max"] <= 1
    state.picture = bug(state)
    assert measured(state)["fidelity_levels_max"] > 1


@pytest.mark.parametrize("undeclared", ["gains", "turn", "sharpening"])
def test_a_change_that_was_not_declared_is_caught(undeclared):
    rgb, alpha = product(12, 300, 260)
    raw = {"framing": {"canvas_px": [110, 110]}, "output": {"format": "png", "sharpen": "auto"}}
    state = composed(rgb, alpha, raw, angle=3.0, gains=(1.1, 1.0, 0.95))
    assert measured(state)["fidelity_levels_max"] <= 1
    if undeclared == "gains":
        state.gains = (1.0, 1.0, 1.0)
    elif undeclared == "turn":
        state.placement = replace(state.placement, angle_degrees=2.6)
    else:
        state.placement = replace(state.placement, sharpen=0.0)
    assert measured(state)["fidelity_levels_max"] > 1


@pytest.mark.parametrize(
    ("source", "size"), [((90, 70), (200, 150)), ((300, 211), (97, 64)), ((64, 64), (64, 20))]
)
def test_pixels_are_resampled_as_a_second_implementation_does(source, size):
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (source[1], source[0], 3), dtype=np.uint8)
    ours = resample.resize(reader(rgb, None), source, size)
    for channel in range(3):
        plane = light.to_light(np.ascontiguousarray(rgb[..., channel]))
        across = Image.Resampling.LANCZOS if size[0] < source[0] else Image.Resampling.BICUBIC
        down = Image.Resampling.LANCZOS if size[1] < source[1] else Image.Resampling.BICUBIC
        theirs = Image.fromarray(plane).resize((size[0], source[1]), across).resize(size, down)
        assert np.abs(ours[channel] - np.asarray(theirs)).max() < 1e-5


@pytest.mark.parametrize("zoom", [0.3, 0.8, 1.0, 1.7])
def test_a_turn_puts_every_point_where_geometry_says(zoom):
    """Dots on black, turned by 7 degrees: their centres of mass must be where the declared map sends them."""
    photo = np.zeros((200, 240, 3), np.uint8)
    dots = [(60, 50), (180, 60), (120, 150)]
    for x, y in dots:
        cv2.circle(photo, (x, y), 6, (255, 255, 255), -1)
    alpha = np.zeros((200, 240), np.float32)
    alpha[20:180, 20:220] = 1
    framing = Framing((400, 400), scale_px_per_px=zoom)
    placement = place_turned(alpha, (20, 20, 220, 180), framing, 7.0)
    assert placement.scale == zoom
    shown = fidelity.placed_source(photo, placement)[..., 0].astype(np.float32)
    for x, y in dots:
        want_x, want_y, reach = (
            *(placement.to_canvas() @ (x + 0.5, y + 0.5, 1) - placement.at_px),
            math.ceil(12 * zoom) + 2,
        )
        left, top = int(want_x) - reach, int(want_y) - reach
        near = shown[max(0, top) : top + 2 * reach, max(0, left) : left + 2 * reach]
        moments = cv2.moments(near)
        found = (
            max(0, left) + moments["m10"] / moments["m00"] + 0.5,
            max(0, top) + moments["m01"] / moments["m00"] + 0.5,
        )
        assert np.hypot(found[0] - want_x, found[1] - want_y) < 0.12


def test_a_large_photo_is_read_in_strips_and_never_as_a_whole():
    """Twelve megapixels in floats would be 200 MB: the reader is asked for no more than a strip at a time."""
    asked = []

    def read(rows: slice, columns: slice) -> np.ndarray:
        asked.append(rows.stop - rows.start)
        return np.zeros((4, rows.stop - rows.start, columns.stop - columns.start), np.float32)

    assert resample.resize(read, (40, 3000), (20, 1500)).shape == (4, 1500, 20)
    assert max(asked) <= resample.STRIP_ROWS and sum(asked) == 3000
