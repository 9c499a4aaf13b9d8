"""A recipe that says nonsense is refused by the name of the wrong field."""

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
