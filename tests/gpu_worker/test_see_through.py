"""A clear bottle shows what is behind it: the new backdrop where somebody says so, and a doubt where nobody did."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from gpu_worker import runner
from gpu_worker.__main__ import main
from gpu_worker.engines.base import NO_HINTS, Hints, Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.qa import see_through as qa
from gpu_worker.samples import clear
from gpu_worker.samples.clear import Clear
from gpu_worker.stages import glass, transmission
from gpu_worker.stages.base import Placement
from gpu_worker.stages.glass import SeeThrough
from gpu_worker.stages.ground import ground
from gpu_worker.stages.place import glass_layer, own_colours

WHITE, NAVY = "#ffffff", "#1e243c"
SIZE_PX = 420


class Knowing(FakeEngine):
    """Cuts out exactly: what is tried here is what comes after the cut-out."""

    def __init__(self, alpha: np.ndarray) -> None:
        self.alpha = alpha

    def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
        return Matte(self.alpha.astype(np.float32), 0.97)


@cache
def bottle(paper: str) -> Clear:
    return clear.bottle(paper, SIZE_PX)


def levels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def recipe(colour: str | None = WHITE, see_through: bool | None = None, **more: object) -> dict:
    backdrop = {"kind": "transparent"} if colour is None else {"color": colour}
    as_it_is = {"framing": {"canvas_px": None}, "shadow": {"kind": "none"}, "output": {"format": "png"}}
    return {**as_it_is, "backdrop": backdrop, "cutout": {"see_through": see_through}, **more}


@pytest.fixture
def rendered(encoded: Callable[..., bytes]) -> Callable[..., tuple[np.ndarray, runner.Rendered]]:
    """rendered(photo, alpha, recipe): (the picture, all that came of it)."""

    def render(rgb: np.ndarray, alpha: np.ndarray, raw: dict) -> tuple[np.ndarray, runner.Rendered]:
        made = runner.render(raw, {"main": encoded(rgb)}, engine=Knowing(alpha))
        return np.asarray(Image.open(io.BytesIO(made.files["main"].data))), made

    return render


def inside(mask: np.ndarray, by_px: int = 4) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * by_px + 1,) * 2)) > 0


# -- somebody says that it is glass ------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", ["grey", "paper-teal", "paper-sand"])
@pytest.mark.parametrize("colour", [WHITE, NAVY])
def test_a_clear_bottle_shows_the_new_backdrop_and_not_the_old_paper(paper, colour, rendered) -> None:
    it = bottle(paper)
    truth = it.onto(levels(colour)).astype(float)
    clear_places = it.glass & (it.through > 0.9)
    off = {}
    for said in (None, True):
        picture, _ = rendered(it.rgb, it.alpha, recipe(colour, said))
        off[said] = float(np.abs(picture - truth)[clear_places].mean())
    assert off[True] < 12 and off[True] < off[None] / 5, off


@pytest.mark.parametrize("colour", [WHITE, NAVY])
def test_no_grey_is_left_inside_a_bottle_from_grey_paper(colour, rendered) -> None:
    it = bottle("grey")
    truth = it.onto(levels(colour)).astype(float)
    picture, _ = rendered(it.rgb, it.alpha, recipe(colour, True))
    left = np.abs(picture - truth).mean(axis=2)[it.glass & (it.through > 0.9)]
    assert (left > 40).mean() < 0.01, "specks of paper"


def test_the_dark_rim_and_the_highlights_of_the_glass_stay(rendered) -> None:
    it = bottle("grey")
    picture, _ = rendered(it.rgb, it.alpha, recipe(WHITE, True))
    rim = it.glass & (it.through < 0.5)
    assert picture[rim].mean() < 235 < picture[it.glass & (it.through > 0.9)].mean()
    picture, _ = rendered(it.rgb, it.alpha, recipe(NAVY, True))
    shining = it.glass & (it.own.mean(axis=2) > 0.1)
    assert picture[shining].mean() > picture[it.glass & ~shining].mean() + 25


@pytest.mark.parametrize("paper", ["grey", "paper-teal", "paper-sand"])
@pytest.mark.parametrize("colour", [WHITE, NAVY])
def test_label_and_cap_stay_exactly_as_they_are(paper, colour, rendered) -> None:
    it = bottle(paper)
    picture, made = rendered(it.rgb, it.alpha, recipe(colour, True))
    assert made.measures["fidelity_levels_max"] == 0
    assert made.measures["fidelity_share"] > 0.25
    solid = inside((it.alpha >= 1) & (it.through == 0))
    changed = (picture != it.rgb).any(axis=2)[solid]
    assert changed.mean() < 0.005, "nothing but a hair's breadth of the label's edge"
    assert not changed[: len(changed) // 4].any(), "and nothing of the cap"


def test_a_resized_bottle_keeps_its_label_to_a_level_of_rounding(rendered) -> None:
    it = bottle("paper-teal")
    raw = recipe(WHITE, True, framing={"canvas_px": [300, 360]}, output={"format": "png", "sharpen": "auto"})
    _, made = rendered(it.rgb, it.alpha, raw)
    assert made.measures["see_through_used"] is True
    assert made.measures["fidelity_levels_max"] <= 1 and made.measures["fidelity_share"] > 0.1
    assert made.measures["fill"] == pytest.approx(0.85, abs=0.02), "the glass counts as product"


def test_turned_gained_and_mirrored_glass_still_holds_no_paper(rendered) -> None:
    it = bottle("grey")
    raw = recipe(
        WHITE,
        True,
        framing={"canvas_px": [300, 360], "straighten": "auto"},
        correct="auto",
        reflection={"strength": 0.5},
        outputs=[{"name": "zoom", "longest_px": 500}],
    )
    picture, made = rendered(it.rgb, it.alpha, raw)
    x, y = round(0.5 * 300), round(0.40 * 360)
    assert picture[y - 4 : y + 4, x - 4 : x + 4].mean() > 235
    assert made.files["zoom"].height_px == 500
    assert made.measures["fidelity_levels_max"] <= 1


def test_a_transparent_picture_lets_the_page_shine_through_the_glass(rendered) -> None:
    it = bottle("paper-teal")
    picture, made = rendered(it.rgb, it.alpha, recipe(None, True))
    alpha = picture[..., 3] / 255
    assert alpha[it.glass & (it.through > 0.9)].mean() < 0.3
    assert (alpha[inside((it.alpha >= 1) & (it.through == 0))] == 1).all()
    cut = np.asarray(Image.open(io.BytesIO(made.files["cutout"].data)))
    assert cut.shape[0] > 0.9 * np.ptp(np.flatnonzero((it.alpha > 0.5).any(axis=1))), "the whole bottle"
    assert (cut[..., 3] < 100).mean() > 0.2


def test_on_a_backdrop_that_tells_nothing_the_bottle_stays_solid_and_that_is_said(sample, rendered) -> None:
    it = sample("vase", "wood")
    solid, plain = rendered(it.rgb, it.alpha, recipe(WHITE))
    asked, made = rendered(it.rgb, it.alpha, recipe(WHITE, True))
    assert made.measures["see_through_used"] is False
    assert "see_through" not in made.measures and "see_through" not in plain.measures
    assert np.array_equal(solid, asked)


def test_a_product_that_came_cut_out_is_kept_as_it_came(rendered, encoded) -> None:
    it = bottle("grey")
    cut = np.dstack([it.rgb, np.round(it.alpha * 255).astype(np.uint8)])
    made = runner.render(recipe(WHITE, True), {"main": encoded(cut)}, engine=Knowing(it.alpha))
    assert made.measures["see_through_used"] is False and "see_through" not in made.measures


def test_a_red_box_that_is_called_glass_stays_a_red_box(block, rendered) -> None:
    photo = block(colour=(170, 40, 30))
    photo[(photo == 255).all(axis=2)] = (190, 190, 190)
    alpha = (np.abs(photo.astype(int) - 190).max(axis=2) > 8).astype(np.float32)
    picture, made = rendered(photo, alpha, recipe(WHITE, True))
    assert made.measures["see_through_used"] is False
    assert np.array_equal(picture[alpha == 1], photo[alpha == 1])


# -- nobody says so ----------------------------------------------------------------------------------------------


def test_an_opaque_grey_mug_is_the_same_to_the_byte_as_if_nobody_had_looked(
    sample, rendered, monkeypatch
) -> None:
    it = sample("mug", "grey")
    for raw in (recipe(WHITE), recipe(WHITE, False)):
        _, looked = rendered(it.rgb, it.alpha, raw)
        with monkeypatch.context() as blind:
            blind.setattr(SeeThrough, "run", lambda self, state: None)
            _, blindly = rendered(it.rgb, it.alpha, raw)
        assert {n: f.data for n, f in looked.files.items()} == {n: f.data for n, f in blindly.files.items()}
        assert "see_through_used" not in looked.measures


@pytest.mark.parametrize("paper", ["grey", "paper-teal", "paper-sand", "white"])
def test_a_clear_bottle_is_suspected_as_far_as_it_is_clear(paper, rendered) -> None:
    it = bottle(paper)
    _, made = rendered(it.rgb, it.alpha, recipe(WHITE))
    really = (it.glass & (it.through > 0.4)).sum() / (it.alpha >= 1).sum()
    assert made.measures["see_through"] == pytest.approx(really, abs=0.1)


@pytest.mark.parametrize(
    ("name", "paper"), [("soap", "paper-teal"), ("book", "grey"), ("ornament", "white"), ("sneaker", "grey")]
)
def test_a_coloured_product_is_hardly_suspected(name, paper, sample, rendered) -> None:
    it = sample(name, paper)
    _, made = rendered(it.rgb, it.alpha, recipe(WHITE))
    assert made.measures["see_through"] < 0.25


def test_from_white_to_white_it_makes_no_difference_and_the_number_says_so(rendered) -> None:
    it = bottle("white")
    apart = {
        c: rendered(it.rgb, it.alpha, recipe(c))[1].measures["see_through_delta_e"] for c in (WHITE, NAVY)
    }
    assert apart[WHITE] < 4 and apart[NAVY] > 50
    grey = bottle("grey")
    assert rendered(grey.rgb, grey.alpha, recipe(WHITE))[1].measures["see_through_delta_e"] > 8
    transparent = rendered(it.rgb, it.alpha, recipe(None))[1].measures["see_through_delta_e"]
    assert transparent == qa.ANYTHING, "nobody knows what the page will be"


def test_the_difference_is_taken_where_the_bottle_comes_to_stand(rendered) -> None:
    it = bottle("grey")
    left, right = (
        rendered(
            it.rgb,
            it.alpha,
            recipe(
                framing={"canvas_px": [800, 300], "anchor": side},
                backdrop={"kind": "gradient", "color": "#000000", "color2": "#d0d0d0", "angle": 270},
            ),
        )[1].measures["see_through_delta_e"]
        for side in ("left", "right")
    )
    assert left > right + 20


# -- the door, and what it costs ---------------------------------------------------------------------------------


def test_the_door_cutout_takes_the_paper_out_of_glass(tmp_path, monkeypatch, capsys) -> None:
    it = bottle("grey")
    Image.fromarray(it.rgb).save(tmp_path / "bottle.png")
    monkeypatch.setattr(runner, "loaded", lambda name: Knowing(it.alpha))
    assert main(["cutout", str(tmp_path / "bottle.png"), str(tmp_path / "solid.png")]) == 0
    assert main(["cutout", str(tmp_path / "bottle.png"), str(tmp_path / "glass.png"), "--see-through"]) == 0
    solid, glassy = (np.asarray(Image.open(tmp_path / f"{n}.png"))[..., 3] for n in ("solid", "glass"))
    clear_places = it.glass & (it.through > 0.9)
    assert solid[clear_places].min() == 255 and glassy[clear_places].mean() < 60
    assert "stayed solid" not in capsys.readouterr().out


def test_the_door_cutout_says_where_nothing_tells_what_is_seen_through(
    sample, tmp_path, monkeypatch, capsys
) -> None:
    it = sample("vase", "wood")
    Image.fromarray(it.rgb).save(tmp_path / "vase.png")
    monkeypatch.setattr(runner, "loaded", lambda name: Knowing(it.alpha))
    assert (
        main(["cutout", str(tmp_path / "vase.png"), str(tmp_path / "o.png"), "--see-through", "--json"]) == 0
    )
    assert "it stayed solid" in capsys.readouterr().out


def test_a_large_photo_is_looked_at_in_tiles(monkeypatch) -> None:
    it = bottle("grey")
    rgb, alpha = (cv2.resize(a, None, fx=5, fy=5, interpolation=cv2.INTER_LINEAR) for a in (it.rgb, it.alpha))
    largest = 0

    def fit(seen: np.ndarray, behind: np.ndarray) -> transmission.Fit:
        nonlocal largest
        largest = max(largest, seen.shape[0] * seen.shape[1])
        return fitted(seen, behind)

    fitted = transmission.fit
    seen = ground(rgb, alpha)
    assert seen is not None
    doubt = glass.suspicion(seen)
    monkeypatch.setattr(transmission, "fit", fit)
    found = glass.glass(rgb, alpha, doubt)
    assert 0 < largest <= (glass.TILE_PX + 2 * glass.HALO_PX) ** 2
    assert found.clear.dtype == np.uint8 and found.behind.shape[0] <= 480
    small = glass.glass(it.rgb, it.alpha, glass.suspicion(ground(it.rgb, it.alpha)))
    assert (found.clear > 127).mean() == pytest.approx((small.clear > 127).mean(), rel=0.1)


def test_a_copied_layer_is_the_same_in_strips_as_whole(monkeypatch) -> None:
    it = bottle("grey")
    found = glass.glass(it.rgb, it.alpha, glass.suspicion(ground(it.rgb, it.alpha)))
    whole = Placement((0, 0, SIZE_PX, SIZE_PX), (SIZE_PX,) * 2, (0, 0), (SIZE_PX,) * 2)
    freed = own_colours(it.rgb, it.alpha)
    at_once = glass_layer(freed, it.alpha, found, whole)
    monkeypatch.setattr("gpu_worker.stages.place.STRIP_PX", 37)
    in_strips = glass_layer(freed, it.alpha, found, whole)
    assert np.abs(at_once.through - in_strips.through).max() < 1e-4
    assert np.abs(at_once.rgb.astype(int) - in_strips.rgb)[it.alpha == 1].max() <= 1


def test_without_any_paper_around_it_the_old_backdrop_is_the_one_that_follows_the_border() -> None:
    known = np.zeros((20, 30), np.float32)
    assert np.allclose(glass.continued(known + 0.7, known), 0)
    known[:3] = 1
    assert np.allclose(glass.continued(np.full((20, 30), 0.7, np.float32), known), 0.7, atol=1e-4)
