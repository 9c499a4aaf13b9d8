"""A recipe that says nonsense is refused by the name of the wrong field."""

import json

import pytest

from gpu_worker import recipe
from gpu_worker.errors import BadRecipe


def test_an_empty_recipe_is_a_white_square_packshot():
    plain = recipe.parse({})
    assert plain.backdrop.rgb == (255, 255, 255)
    assert plain.framing.canvas_px == (1600, 1600)
    assert plain.output.format == "jpeg"


def test_a_recipe_survives_its_own_long_form():
    short = recipe.parse(
        {
            "backdrop": {"kind": "gradient", "color": "#EEEEEE", "color2": "#cccccc"},
            "framing": {"canvas_px": None},
        }
    )
    assert recipe.parse(short.to_dict()) == short


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"backdrop": {"kind": "forest"}}, "backdrop.kind"),
        ({"backdrop": {"color": "white"}}, "backdrop.color"),
        ({"backdrop": {"colour": "#ffffff"}}, "backdrop.colour"),
        ({"framing": {"fill": 1.2}}, "framing.fill"),
        ({"framing": {"fill": True}}, "framing.fill"),
        ({"framing": {"canvas_px": [1600]}}, "framing.canvas_px"),
        ({"framing": {"canvas_px": [1600, 10**6]}}, "framing.canvas_px"),
        ({"shadow": {"kind": "long"}}, "shadow.kind"),
        ({"output": {"format": "bmp"}}, "output.format"),
        ({"output": {"max_bytes": 0}}, "output.max_bytes"),
        ({"output": {"disclose": "yes"}}, "output.disclose"),
        ({"output": []}, "output"),
        ({"review": 3}, "review"),
        ({"lighting": {}}, "lighting"),
        ({"correct": "on"}, "correct"),
        ({"backdrop": {"kind": "gradient", "shape": "spiral"}}, "backdrop.shape"),
        ({"backdrop": {"horizon": 1.5}}, "backdrop.horizon"),
        ({"backdrop": {"center": [0.5]}}, "backdrop.center"),
        ({"framing": {"anchor": "middle"}}, "framing.anchor"),
        ({"framing": {"margins": [0.1, 0.1, 0.1]}}, "framing.margins"),
        ({"framing": {"margins": [0.5, 0.1, 0.45, 0.1]}}, "framing.margins"),
        ({"framing": {"scale_px_per_px": 0}}, "framing.scale_px_per_px"),
        ({"framing": {"straighten": True}}, "framing.straighten"),
        ({"framing": {"consistent": "store"}}, "framing.consistent"),
        ({"light": {"elevation": 5}}, "light.elevation"),
        ({"light": {"softness": 2}}, "light.softness"),
        ({"light": {"direction": 3}}, "light.direction"),
        ({"reflection": {"strength": -1}}, "reflection.strength"),
        ({"reflection": {"fade": 0}}, "reflection.fade"),
        ({"output": {"sharpen": "much"}}, "output.sharpen"),
        ({"outputs": [{"name": "zoom"}]}, "outputs[0].longest_px"),
        ({"outputs": [{"name": "main", "longest_px": 800}]}, "outputs[0].name"),
        ({"outputs": [{"name": "../x", "longest_px": 800}]}, "outputs[0].name"),
        ({"outputs": [{"name": "a", "longest_px": 800}, {"name": "a", "longest_px": 80}]}, "outputs[1].name"),
        ({"outputs": [{"name": "a", "longest_px": 800, "width": 3}]}, "outputs[0].width"),
        ({"outputs": {"name": "a"}}, "outputs"),
        ({"outputs": [None]}, "outputs[0].name"),
        ({"cutout": {"box": [0.5, 0.1, 0.5, 0.9]}}, "cutout.box"),
        ({"cutout": {"box": [10, 10, 200, 200]}}, "cutout.box"),
        ({"cutout": {"clicks": [[0.5, 0.5]]}}, "cutout.clicks"),
        ({"cutout": {"clicks": [[0.5, 0.5, 1]]}}, "cutout.clicks"),
        ({"cutout": {"clicks": [[0.5, 0.5, True]] * 65}}, "cutout.clicks"),
        ({"cutout": {"keep_holes": "yes"}}, "cutout.keep_holes"),
        ({"cutout": {"see_through": "glass"}}, "cutout.see_through"),
        ({"cutout": {"see_through": 1}}, "cutout.see_through"),
        ({"cutout": {"see_trough": True}}, "cutout.see_trough"),
        ({"cutout": {"trimap": "x"}}, "cutout.trimap"),
        ({"backdrop": {"kind": "transparent"}}, "output.format"),
        ("white please", "recipe"),
    ],
)
def test_a_wrong_field_is_named(raw, named):
    with pytest.raises(BadRecipe) as told:
        recipe.parse(raw)
    assert named in str(told.value)
    assert not told.value.retry


def test_what_review_policy_wants_passes_through_untouched():
    assert recipe.parse({"review": {"min_confidence": 0.7, "four_eyes": True}}).review == {
        "min_confidence": 0.7,
        "four_eyes": True,
    }


def test_a_recipe_that_says_everything_survives_json():
    full = {
        "pipeline": "background",
        "engine": "classic",
        "cutout": {
            "box": [0.1, 0.2, 0.9, 0.95],
            "clicks": [[0.5, 0.5, True], [0.1, 0.1, False]],
            "keep_holes": True,
            "see_through": True,
        },
        "correct": "white_balance",
        "backdrop": {
            "kind": "sweep",
            "color": "#eeeeee",
            "color2": "#dddddd",
            "shape": "radial",
            "angle": 30.0,
            "center": [0.5, 0.4],
            "horizon": 0.7,
            "softness": 0.1,
        },
        "framing": {
            "canvas_px": [1200, 1500],
            "fill": 0.8,
            "margins": [0.05, 0.1, 0.05, 0.08],
            "anchor": "bottom",
            "scale_px_per_px": 0.5,
            "straighten": "auto",
            "consistent": "product",
        },
        "shadow": {"kind": "keep", "strength": 0.8},
        "light": {"azimuth": 40.0, "elevation": 60.0, "softness": 0.2},
        "reflection": {"strength": 0.3, "fade": 0.4},
        "output": {"format": "webp", "max_bytes": 200000, "quality": 90, "disclose": True, "sharpen": "auto"},
        "outputs": [{"name": "zoom", "longest_px": 2400, "format": "jpeg", "max_bytes": None, "quality": 92}],
        "review": {"min_confidence": 0.8},
        "publish": {"mode": "first"},
    }
    assert recipe.parse(full).to_dict() == full
    assert recipe.parse(json.loads(json.dumps(full))) == recipe.parse(recipe.parse(full).to_dict())


def test_a_recipe_of_the_first_days_means_what_it_meant():
    old = {
        "pipeline": "background",
        "backdrop": {"kind": "gradient", "color": "#ffffff", "color2": "#dddddd"},
        "framing": {"canvas_px": [1600, 1600], "fill": 0.85},
        "shadow": {"kind": "cast", "strength": 0.5},
        "output": {"format": "jpeg", "max_bytes": None},
        "review": {"min_confidence": 0.9, "spot_check_every": 12},
    }
    made = recipe.parse(old)
    assert (made.correct, made.framing.straighten, made.output.sharpen) == ("off", "off", "off")
    assert made.outputs == () and made.reflection.strength == 0
    assert made.framing.anchor == "center" and made.framing.margins is None
    assert (made.backdrop.shape, made.backdrop.angle) == ("linear", 0)


def test_no_file_of_a_transparent_picture_may_be_opaque():
    raw = {
        "backdrop": {"kind": "transparent"},
        "output": {"format": "png"},
        "outputs": [{"name": "thumb", "longest_px": 300, "format": "jpeg"}],
    }
    with pytest.raises(BadRecipe, match=r"outputs\[0\].format"):
        recipe.parse(raw)
