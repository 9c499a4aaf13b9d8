"""Backdrops, shadows, reflections and corrections: what a shopper sees around the product, and what they may not touch."""

import io

import numpy as np
import pytest
from PIL import Image

from gpu_worker import colour, light, runner
from gpu_worker.engines.base import NO_HINTS, Click, Hints, Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import UnusablePhoto
from gpu_worker.recipe import Backdrop, Light, Reflection
from gpu_worker.stages import correct, shadow
from gpu_worker.stages.backdrop import gradient, sweep
from gpu_worker.stages.base import Layer, Placement
from gpu_worker.stages.foot import foot_of
from gpu_worker.stages.reflection import mirrored


class Drawn:
    """An engine that knows the answer, and remembers what it was told."""

    name = "drawn"
    versions = {"cutout": "1"}

    def __init__(self, alpha: np.ndarray) -> None:
        self.alpha = alpha
        self.told = NO_HINTS

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
        self.told = hints
        return Matte(self.alpha, 1.0)


def pillar() -> np.ndarray:
    alpha = np.zeros((300, 300), np.float32)
    alpha[80:220, 130:170] = 1
    return alpha


@pytest.mark.parametrize(
    ("azimuth", "sideways", "upwards"),
    [(320, 1, 1), (40, -1, 1), (90, -1, 0), (270, 1, 0), (180, 0, -1), (0, 0, 1)],
)
def test_a_cast_shadow_falls_away_from_the_light(azimuth, sideways, upwards):
    shade = shadow.cast(pillar(), Light(azimuth, 40, 0.2)) * (pillar() < 0.5)
    rows, columns = np.mgrid[0:300, 0:300]
    x = float((shade * (columns - 149.5)).sum() / shade.sum())
    y = float((shade * (219.5 - rows)).sum() / shade.sum())
    assert np.sign(x) == sideways if sideways else abs(x) < 4
    assert (y > 8) if upwards > 0 else (y < -8) if upwards < 0 else abs(y) < 14


def test_a_low_light_throws_a_longer_shadow_and_a_wide_light_a_softer_one():
    def reach(elevation: float, softness: float) -> float:
        shade = shadow.cast(pillar(), Light(270, elevation, softness))
        return float(np.flatnonzero(shade[205:218].max(axis=0) > 0.06)[-1])

    def steepest(softness: float) -> float:
        return float(
            np.abs(np.diff(shadow.cast(pillar(), Light(300, 45, softness))[60:200, 180:], axis=0)).max()
        )

    assert reach(35, 0.3) > reach(65, 0.3) + 30
    assert steepest(0.0) > 2 * steepest(1.0)


def test_a_cast_shadow_does_not_end_in_a_line_at_the_edge_of_the_picture():
    alpha = np.zeros((300, 300), np.float32)
    alpha[30:280, 150:270] = 1
    shade = shadow.cast(alpha)
    assert shade[:, -3:].max() < 0.08


def test_a_base_that_perspective_slopes_touches_the_floor_along_its_length():
    """A shoe seen from the side: heel and toe are not level on the picture, yet neither floats."""
    alpha = np.zeros((300, 300), np.float32)
    for x in range(40, 260):
        alpha[120 : 200 + (x - 40) // 6, x] = 1
    foot = foot_of(alpha)
    assert foot.touch[10:-10].min() > 0.8
    shade = shadow.contact(alpha)
    heel, toe = shade[203:209, 50:70].max(), shade[233:240, 235:250].max()
    assert heel > 0.3 and toe > 0.3 and abs(heel - toe) < 0.15


def shadowed_photo(backdrop: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A block on lit paper with a known soft shadow right of it: (photo, its matte, the share of light missing)."""
    rows, columns = np.mgrid[0:400, 0:400]
    missing = 0.5 * np.exp(-(((columns - 270) / 45) ** 2) - ((rows - 250) / 25) ** 2)
    paper = light.to_light(np.array(backdrop, np.uint8)) * (1 - missing[..., None])
    photo = light.to_levels(paper.astype(np.float32))
    alpha = np.zeros((400, 400), np.float32)
    alpha[140:270, 130:260] = 1
    photo[alpha == 1] = (150, 40, 40)
    return photo, alpha, missing


@pytest.mark.parametrize("paper", [(250, 250, 250), (200, 205, 212), (120, 170, 190)])
def test_the_photos_own_shadow_darkens_the_new_backdrop_by_as_much(encoded, paper):
    photo, alpha, missing = shadowed_photo(paper)
    raw = {
        "framing": {"canvas_px": [400, 400], "scale_px_per_px": 1.0},
        "backdrop": {"color": "#e0c8b0"},
        "shadow": {"kind": "keep"},
        "output": {"format": "png"},
    }
    made = runner.render(raw, {"main": encoded(photo)}, engine=Drawn(alpha))
    assert made.measures["shadow_kept"] is True
    picture = np.asarray(Image.open(io.BytesIO(made.files["main"].data)).convert("RGB"))
    # The block's corner goes from (130, 140) to the centre of the canvas.
    dx, dy = 200 - 195, 200 - 205
    ground = light.to_light(np.array([0xE0, 0xC8, 0xB0], np.uint8))
    for x, y in ((275, 250), (300, 245), (285, 270)):
        kept = 1 - (light.to_light(picture[y + dy, x + dx]) / ground).mean()
        assert kept == pytest.approx(missing[y, x], abs=0.07)
    assert tuple(picture[60, 60]) == (0xE0, 0xC8, 0xB0)


def test_where_the_backdrop_is_no_plain_paper_a_contact_shadow_is_drawn_and_said_so(encoded):
    rng = np.random.default_rng(2)
    photo = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    alpha = np.zeros((300, 300), np.float32)
    alpha[80:220, 90:210] = 1
    raw = {"framing": {"canvas_px": [300, 300]}, "output": {"format": "png"}}
    made, drawn = (
        runner.render({**raw, "shadow": {"kind": kind}}, {"main": encoded(photo)}, engine=Drawn(alpha))
        for kind in ("keep", "contact")
    )
    assert made.measures["shadow_kept"] is False
    assert made.files["main"].data == drawn.files["main"].data


def test_a_sweep_runs_from_wall_to_floor_without_a_line():
    wanted = Backdrop("sweep", "#f0f0f0", "#c8ccd0", softness=0.3)
    picture = sweep(wanted, 0.6, (64, 500)).astype(int)
    assert (picture[:200] == 0xF0).all() and (picture[-80:] == (0xC8, 0xCC, 0xD0)).all()
    means = picture.mean(axis=1)
    assert np.abs(np.diff(means, axis=0)).max() < 1.6
    assert (np.diff(means, axis=0) < 0.3).all()


def test_the_horizon_lies_behind_the_product_wherever_it_stands(encoded, block):
    for anchor in ("top", "bottom"):
        raw = {
            "engine": "fake",
            "framing": {
                "canvas_px": [300, 300],
                "fill": 0.4,
                "margins": [0.1, 0.1, 0.1, 0.1],
                "anchor": anchor,
            },
            "backdrop": {"kind": "sweep", "color": "#ffffff", "color2": "#808080", "softness": 0.05},
            "shadow": {"kind": "none"},
            "output": {"format": "png"},
        }
        made = runner.render(raw, {"main": encoded(block())})
        column = np.asarray(Image.open(io.BytesIO(made.files["main"].data)))[:, 2, 0].astype(int)
        middle = int(np.argmin(np.abs(column - 192)))
        # The block is three quarters as high as wide: 90 px, 30 px from the edge it is anchored to.
        foot = 30 + 100 if anchor == "top" else 270
        assert foot - 75 < middle < foot - 10 or middle == pytest.approx(90, abs=3)


@pytest.mark.parametrize(("angle", "bright"), [(0, "top"), (180, "bottom"), (90, "right"), (270, "left")])
def test_a_gradient_runs_the_way_its_angle_says(angle, bright):
    picture = gradient(Backdrop("gradient", "#ffffff", "#404040", angle=angle), (80, 60)).astype(int)
    sides = {
        "top": picture[0].mean(),
        "bottom": picture[-1].mean(),
        "left": picture[:, 0].mean(),
        "right": picture[:, -1].mean(),
    }
    assert max(sides, key=sides.get) == bright and sides[bright] > 250


def test_a_radial_gradient_is_brightest_at_its_centre():
    wanted = Backdrop("gradient", "#ffffff", "#808080", shape="radial", center=(0.25, 0.5))
    picture = gradient(wanted, (200, 100))[..., 0].astype(int)
    assert np.abs(picture[50, 50] - 255) <= 1 and abs(picture[0, 199] - 128) <= 2


def test_a_reflection_hangs_from_the_foot_and_fades(block):
    levels, alpha = np.full((200, 100, 3), 200, np.uint8), np.zeros((200, 100), np.float32)
    levels[150:] = 40
    alpha[20:180, 10:90] = 1
    placement = Placement((0, 0, 100, 200), (100, 200), (100, 50), (300, 300))
    patch = mirrored(Layer(levels, alpha), placement, Reflection(0.6, 0.3))
    whole = np.zeros((300, 300, 4), np.float32)
    whole[patch.there] = patch.values
    cover, foot = whole[:, 150, 3], 50 + 180
    assert cover[: foot - 1].max() == 0
    assert cover[foot + 1] > 0.5 and cover[foot + 47] < 0.03
    assert (np.diff(cover[foot + 2 : foot + 46]) < 0.005).all()
    # Just below the foot is seen what is just above it.
    near = whole[foot + 5, 150]
    assert light.to_levels(near[:3] / near[3])[0] == pytest.approx(40, abs=3)


def test_a_reflection_leaves_the_border_of_a_white_picture_white(sample, encoded):
    photo = sample("bottle")
    raw = {
        "framing": {"canvas_px": [300, 300], "fill": 0.9},
        "reflection": {"strength": 0.8, "fade": 1.0},
        "shadow": {"kind": "cast"},
        "output": {"format": "png"},
    }
    made = runner.render(raw, {"main": encoded(photo.rgb)}, engine=Drawn(photo.alpha))
    assert made.measures["border_white_share"] == 1.0


def test_a_yellow_and_dark_photo_of_white_paper_becomes_neutral_and_bright(encoded):
    photo = np.full((200, 240, 3), (212, 204, 191), np.uint8)
    photo[60:160, 70:170] = (120, 70, 60)
    raw = {"engine": "fake", "framing": {"canvas_px": None}, "correct": "auto", "output": {"format": "png"}}
    made = runner.render(raw, {"main": encoded(photo)})
    m = made.measures
    gains = np.array([m[f"correct_gain_{name}"] for name in ("red", "green", "blue")])
    paper = light.to_light(np.array([212, 204, 191], np.uint8)) * gains
    shown = colour.lab_of_light(paper[None].astype(np.float32))[0]
    assert np.hypot(shown[1], shown[2]) < 4 and shown[0] > 88
    assert (
        m["correct_delta_e_mean"] <= correct.MOST_DELTA_E
        and m["correct_hue_degrees"] <= correct.MOST_HUE_DEGREES
    )
    assert m["fidelity_levels_max"] <= 1 and m["fidelity_share"] > 0.5


@pytest.mark.parametrize(
    ("paper", "reason"),
    [((90, 150, 210), "no white"), ((60, 60, 60), "no white")],
)
def test_coloured_paper_and_black_velvet_say_nothing_about_the_light(encoded, paper, reason):
    photo = np.full((200, 240, 3), paper, np.uint8)
    photo[60:160, 70:170] = (220, 70, 60)
    raw = {"engine": "fake", "framing": {"canvas_px": None}, "correct": "auto", "output": {"format": "png"}}
    m = runner.render(raw, {"main": encoded(photo)}).measures
    assert (m["correct_gain_red"], m["correct_gain_green"], m["correct_gain_blue"]) == (1, 1, 1)
    assert reason in m["correct_reason"]
    assert m["fidelity_levels_max"] == 0


def test_white_balance_never_moves_the_products_colours_beyond_the_bound():
    rng = np.random.default_rng(5)
    for _ in range(60):
        product = light.to_light(rng.integers(0, 256, (400, 3), dtype=np.uint8))
        paper = light.to_light(np.clip(rng.normal(205, 9, 3), 0, 255).astype(np.uint8))
        found, _ = correct.gains(product, paper, "white_balance")
        delta_e, hue = correct.shift(product, np.array(found))
        assert delta_e <= correct.MOST_DELTA_E + 0.02 and hue <= correct.MOST_HUE_DEGREES + 0.02


def test_exposure_turns_no_hue_and_burns_nothing_out():
    product = light.to_light(np.array([[250, 240, 60]] * 50 + [[30, 60, 90]] * 50, np.uint8))
    paper = light.to_light(np.array([190, 190, 190], np.uint8))
    (red, green, blue), _ = correct.gains(product, paper, "exposure")
    assert red == green == blue
    assert 1 <= red <= 1 / product.max() + 1e-3


def test_a_well_lit_photo_is_not_touched(encoded, block):
    raw = {"engine": "fake", "framing": {"canvas_px": None}, "correct": "auto", "output": {"format": "png"}}
    m = runner.render(raw, {"main": encoded(block())}).measures
    assert m["correct_gain_green"] == 1 and m["fidelity_levels_max"] == 0


def test_what_a_person_marked_reaches_the_engine(encoded, block):
    engine = Drawn(np.ones((200, 240), np.float32))
    trimap = np.full((100, 120), 128, np.uint8)
    trimap[20:80, 30:90] = 255
    raw = {
        "framing": {"canvas_px": None},
        "cutout": {
            "box": [0.1, 0.2, 0.9, 0.8],
            "clicks": [[0.5, 0.5, True], [0.05, 0.1, False]],
            "keep_holes": True,
        },
    }
    runner.render(raw, {"main": encoded(block()), "trimap": encoded(trimap)}, engine=engine)
    told = engine.told
    assert told.box == (0.1, 0.2, 0.9, 0.8) and told.keep_holes is True
    assert told.clicks == (Click(0.5, 0.5, True), Click(0.05, 0.1, False))
    assert told.trimap.shape == (200, 240) and set(np.unique(told.trimap)) == {128, 255}
    assert told.trimap[100, 120] == 255 and told.trimap[0, 0] == 128
    plain = Drawn(np.ones((200, 240), np.float32))
    runner.render({"framing": {"canvas_px": None}}, {"main": encoded(block())}, engine=plain)
    assert plain.told == NO_HINTS


def test_a_trimap_of_another_shape_is_refused_with_both_sizes(encoded, block):
    with pytest.raises(UnusablePhoto, match=r"300 × 100.*240 × 200"):
        runner.render(
            {"framing": {"canvas_px": None}},
            {"main": encoded(block()), "trimap": encoded(np.zeros((100, 300), np.uint8))},
            engine=FakeEngine(),
        )
