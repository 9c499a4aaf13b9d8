"""The pipeline's order, where products are put, and what shadows and edges look like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker import light, pipelines, recipe
from gpu_worker.engines.base import Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import BadRecipe, MissingInput
from gpu_worker.pipelines.base import Pipeline
from gpu_worker.qa import fidelity
from gpu_worker.recipe import Backdrop as Wanted
from gpu_worker.recipe import Framing
from gpu_worker.stages import shadow
from gpu_worker.stages.backdrop import Backdrop, gradient
from gpu_worker.stages.base import Encoded, State
from gpu_worker.stages.compose import Compose
from gpu_worker.stages.correct import Correct
from gpu_worker.stages.encode import save
from gpu_worker.stages.frame import Frame, place, product_box
from gpu_worker.stages.place import Place, own_colours
from gpu_worker.stages.reflection import Reflection
from gpu_worker.stages.shadow import Shadow


def test_a_packshot_is_made_in_this_order():
    names = [stage.name for stage in pipelines.pipeline("background").stages]
    assert names[:7] == ["group", "load", "normalise", "cutout", "glass", "correct", "frame"]
    assert names[7:] == ["backdrop", "shadow", "place", "reflection", "compose", "encode"]
    assert [s.name for s in pipelines.pipeline("background").stages if s.engine] == ["cutout"]


def test_a_pipeline_with_a_gap_can_not_be_built():
    stages = pipelines.pipeline("background").stages
    with pytest.raises(ValueError, match="frame needs"):
        Pipeline("broken", (*stages[:3], *stages[6:]))


def test_a_pipeline_that_nobody_knows_is_refused_by_name():
    with pytest.raises(BadRecipe, match="hologram"):
        pipelines.pipeline("hologram")


def placed(rgb: np.ndarray, alpha: np.ndarray, raw: dict, inputs: dict | None = None) -> State:
    """A state taken through frame, backdrop, shadow and compose."""
    state = State(recipe.parse(raw), inputs or {}, FakeEngine())
    state.rgb, state.matte = rgb, Matte(alpha.astype(np.float32), 1.0)
    for stage in (Correct(), Frame(), Backdrop(), Shadow(), Place(), Reflection(), Compose()):
        stage.run(state)
    return state


def disc(size_px: int, radius_px: float, x: float | None = None, y: float | None = None) -> np.ndarray:
    """The exact-looking soft alpha of a disc."""
    yy, xx = np.mgrid[0:size_px, 0:size_px]
    x, y = (size_px / 2 if x is None else x), (size_px / 2 if y is None else y)
    return np.clip(radius_px + 0.5 - np.hypot(xx + 0.5 - x, yy + 0.5 - y), 0, 1)


@given(
    box=st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(4, 400), st.integers(4, 400)),
    canvas=st.tuples(st.integers(64, 900), st.integers(64, 900)),
    fill=st.floats(0.1, 1.0),
)
def test_the_product_is_centred_and_fills_what_the_recipe_says(box, canvas, fill):
    x, y, w, h = box
    made = place((x, y, x + w, y + h), (x + w + 50, y + h + 50), Framing(canvas, fill))
    x0, y0, x1, y1 = made.box_px
    sx, sy = made.size_px[0] / (x1 - x0), made.size_px[1] / (y1 - y0)
    filled = max(w * sx / canvas[0], h * sy / canvas[1])
    assert abs(filled - fill) <= max(1.5 / min(canvas), 0.06 * fill)
    centre = made.at_px[0] + ((x + w / 2) - x0) * sx, made.at_px[1] + ((y + h / 2) - y0) * sy
    assert abs(centre[0] - canvas[0] / 2) <= 0.51 and abs(centre[1] - canvas[1] / 2) <= 0.51


def test_without_a_canvas_nothing_moves_and_every_solid_pixel_is_the_merchants_own():
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    alpha = disc(120, 30)[15:105]
    state = placed(rgb, alpha, {"framing": {"canvas_px": None}, "backdrop": {"color": "#336699"}})
    assert state.picture.shape == (90, 120, 3)
    assert np.array_equal(state.picture[alpha == 1], rgb[alpha == 1])
    assert tuple(state.picture[0, 0]) == (0x33, 0x66, 0x99)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    radius_px=st.integers(22, 58),
    canvas=st.one_of(st.none(), st.integers(60, 400)),
    fill=st.floats(0.3, 1.0),
    kind=st.sampled_from(["solid", "gradient"]),
    cast=st.sampled_from(["contact", "cast", "none"]),
)
def test_the_products_pixels_are_the_sources_under_any_placement(seed, radius_px, canvas, fill, kind, cast):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (130, 130, 3), dtype=np.uint8)
    alpha = disc(130, radius_px, 60, 66)
    raw = {
        "framing": {"canvas_px": None if canvas is None else [canvas, canvas + 10], "fill": fill},
        "backdrop": {"kind": kind, "color": "#ffffff", "color2": "#c0c8d0"},
        "shadow": {"kind": cast},
        "output": {"format": "png"},
    }
    state = placed(rgb, alpha, raw)
    from PIL import Image

    file = Encoded(save(Image.fromarray(state.picture), "png", None), "png", *state.picture.shape[1::-1])
    found = fidelity.measure(rgb, state.matte.alpha, state.placement, state.picture, file)
    assert found["fidelity_levels_max"] <= (1 if state.placement.resized else 0)
    if not state.placement.resized:
        assert found["fidelity_share"] > 0.2


def test_a_tampered_product_is_noticed():
    rgb = np.random.default_rng(5).integers(0, 256, (130, 130, 3), dtype=np.uint8)
    state = placed(rgb, disc(130, 50), {"framing": {"canvas_px": [200, 200]}})
    from PIL import Image

    state.picture[95:105, 95:105] = 255 - state.picture[95:105, 95:105]
    file = Encoded(save(Image.fromarray(state.picture), "png", None), "png", 200, 200)
    found = fidelity.measure(rgb, state.matte.alpha, state.placement, state.picture, file)
    assert found["fidelity_levels_max"] > 50


def test_a_red_product_from_green_paper_has_no_green_rim_on_white():
    alpha = disc(200, 60)
    red, green = np.array([190.0, 20, 30]), np.array([40.0, 200, 60])
    photo = np.round(alpha[..., None] * red + (1 - alpha[..., None]) * green).astype(np.uint8)
    freed = own_colours(photo, alpha.astype(np.float32))
    edge = (alpha > 0.15) & (alpha < 0.85)
    assert np.abs(freed[edge].astype(float) - red).max() < 40
    state = placed(photo, alpha, {"framing": {"canvas_px": None}, "shadow": {"kind": "none"}})
    r, g = (state.picture[..., i].astype(int) for i in range(2))
    assert ((g - r) > 2).sum() == 0
    assert np.array_equal(freed[alpha == 1], photo[alpha == 1])


def test_a_white_backdrop_is_exactly_white_away_from_the_product():
    state = placed(
        np.full((200, 200, 3), 90, np.uint8), disc(200, 60), {"framing": {"canvas_px": [400, 400]}}
    )
    rim = np.concatenate([state.picture[0], state.picture[-1], state.picture[:, 0], state.picture[:, -1]])
    assert (rim == 255).all()


def test_a_shadow_lies_under_the_product_and_nowhere_else():
    alpha = np.zeros((300, 300), np.float32)
    alpha[100:220, 90:210] = 1
    shade = shadow.contact(alpha)
    under, beside, above = shade[221:224, 100:200].mean(), shade[150, 20:60].max(), shade[:80].max()
    assert under > 0.35
    assert shade[240:250, 100:200].mean() < under / 2
    assert beside < 0.05 and above < 0.01


def test_a_product_that_stands_on_two_feet_throws_two_contacts():
    alpha = np.zeros((300, 300), np.float32)
    alpha[60:180, 60:240] = 1
    alpha[180:220, 60:90] = 1
    alpha[180:220, 210:240] = 1
    shade = shadow.contact(alpha)
    assert shade[222, 65:85].min() > 2.5 * shade[222, 130:170].max()


def test_a_cast_shadow_falls_to_the_right():
    alpha = np.zeros((300, 300), np.float32)
    alpha[80:220, 100:160] = 1
    shade = shadow.cast(alpha)
    assert shade[190:215, 165:220].max() > 0.15
    assert shade[190:215, 165:220].sum() > 3 * shade[190:215, 40:95].sum()


def test_an_empty_matte_throws_no_shadow_and_makes_a_bare_backdrop():
    state = placed(
        np.full((60, 60, 3), 128, np.uint8), np.zeros((60, 60)), {"framing": {"canvas_px": [100, 100]}}
    )
    assert (state.picture == 255).all()


def test_a_gradient_runs_from_the_first_colour_to_the_second():
    levels = gradient(Wanted("gradient", "#f0f0f0", "#788ca0"), (50, 400))
    assert abs(int(levels[0, 0, 0]) - 240) <= 1 and abs(int(levels[-1, 0, 2]) - 160) <= 1
    means = levels.mean(axis=(1, 2))
    assert (np.diff(means) <= 0.6).all()


def test_a_one_coloured_gradient_is_that_colour():
    assert (gradient(Wanted("gradient", "#c80a1e", "#c80a1e"), (40, 40)) == (200, 10, 30)).all()


def test_a_transparent_backdrop_keeps_the_product_solid_and_the_corner_clear():
    raw = {"backdrop": {"kind": "transparent"}, "output": {"format": "png"}, "framing": {"canvas_px": None}}
    rgb = np.random.default_rng(7).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    alpha = disc(200, 60)
    state = placed(rgb, alpha, raw)
    assert state.picture.shape == (200, 200, 4)
    assert (state.picture[alpha == 1][:, 3] == 255).all()
    assert np.array_equal(state.picture[alpha == 1][:, :3], rgb[alpha == 1])
    assert state.picture[2, 2, 3] == 0
    assert 0 < state.picture[163, 100, 3] < 255  # the contact shadow


def test_a_backdrop_picture_covers_the_canvas_and_without_one_the_job_says_so(encoded):
    raw = {"backdrop": {"kind": "image"}, "framing": {"canvas_px": [120, 80]}, "shadow": {"kind": "none"}}
    rgb = np.full((60, 60, 3), 10, np.uint8)
    ground = np.full((40, 40, 3), (10, 200, 90), np.uint8)
    state = placed(rgb, disc(60, 20), raw, {"backdrop": encoded(ground)})
    assert tuple(state.picture[1, 1]) == (10, 200, 90)
    with pytest.raises(MissingInput, match="backdrop"):
        placed(rgb, disc(60, 20), raw)


def test_light_and_levels_are_each_others_inverse():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(light.to_levels(light.to_light(levels)), levels)


def test_a_box_is_drawn_round_everything_solid_and_nothing_else():
    alpha = np.zeros((50, 60), np.float32)
    assert product_box(alpha) is None
    alpha[10:20, 30:45] = 1
    alpha[0, 0] = 0.4
    assert product_box(alpha) == (30, 10, 45, 20)
