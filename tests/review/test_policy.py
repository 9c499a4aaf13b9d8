"""Policy: numbers in, a verdict and sentences out."""

from __future__ import annotations

import pytest

from apps.lib.errors import LostRace, NotAllowed
from apps.review import policy, services
from apps.review.models import Decision, ItemState
from tests.shopkeeping import Shop

RECIPE = {
    "backdrop": {"kind": "solid", "color": "#ffffff"},
    "framing": {"canvas_px": [1600, 1600], "fill": 0.85},
    "review": {"min_confidence": 0.9},
}
GOOD = {
    "fidelity_levels_max": 1,
    "fidelity_delta_e_p95": 0.6,
    "border_white_share": 1.0,
    "fill": 0.85,
    "centring_offset": 0.002,
    "touches_frame": 0.0,
}


def test_a_good_render_is_approved() -> None:
    assert policy.judge(GOOD, 0.97, RECIPE) == policy.Verdict("approve")


@pytest.mark.parametrize(
    ("measure", "value", "word"),
    [
        ("fidelity_levels_max", 9, "own pixels changed"),
        ("fidelity_delta_e_p95", 2.5, "colours moved"),
        ("border_white_share", 0.5, "pure white"),
        ("fill", 0.4, "fills 40%"),
        ("centring_offset", 0.2, "off centre"),
        ("touches_frame", 0.1, "touches the edge"),
    ],
)
def test_each_measure_off_its_mark_sends_it_to_a_person_and_says_why(
    measure: str, value: float, word: str
) -> None:
    verdict = policy.judge({**GOOD, measure: value}, 0.97, RECIPE)
    assert verdict.outcome == "review"
    assert [r for r in verdict.reasons if word in r]
    assert verdict.needs_override == measure.startswith("fidelity")


@pytest.mark.parametrize("confidence", [0.2, 0.8999, None])
def test_a_cut_out_it_is_not_sure_of_goes_to_a_person(confidence: float | None) -> None:
    assert policy.judge(GOOD, confidence, RECIPE).outcome == "review"


def test_whiteness_is_asked_only_of_a_white_backdrop() -> None:
    grey = {**RECIPE, "backdrop": {"kind": "solid", "color": "#eeeeee"}}
    assert policy.judge({**GOOD, "border_white_share": 0.0}, 0.97, grey).outcome == "approve"


def test_the_recipes_own_thresholds_hold() -> None:
    strict = {**RECIPE, "review": {"min_confidence": 0.99}}
    assert policy.judge(GOOD, 0.97, strict).outcome == "review"


@pytest.mark.parametrize("decided_by", [{"margins": [0.1, 0.1, 0.1, 0.4]}, {"scale_px_per_px": 0.31}])
def test_fill_is_no_target_where_margins_or_a_shared_scale_decide_the_size(
    decided_by: dict[str, object],
) -> None:
    recipe = {**RECIPE, "framing": {**RECIPE["framing"], **decided_by}}
    assert policy.judge({**GOOD, "fill": 0.4}, 0.97, recipe).outcome == "approve"
    off = policy.judge({**GOOD, "fill": 0.4, "centring_offset": 0.2}, 0.97, recipe)
    assert off.reasons == ("The product is 20% off centre.",), "where it stands is still judged"


def test_fill_is_judged_by_the_default_canvas_where_the_recipe_names_none() -> None:
    recipe = {**RECIPE, "framing": {"fill": 0.85}}
    assert policy.judge({**GOOD, "fill": 0.4}, 0.97, recipe).outcome == "review"


def test_a_photo_that_keeps_its_own_size_and_place_is_not_held_to_a_fill() -> None:
    recipe = {**RECIPE, "framing": {"canvas_px": None}}
    assert policy.judge({**GOOD, "fill": 0.4, "centring_offset": 0.3}, 0.97, recipe).outcome == "approve"


def test_a_product_that_is_anchored_is_off_its_place_not_off_centre() -> None:
    recipe = {**RECIPE, "framing": {**RECIPE["framing"], "anchor": "bottom"}}
    assert policy.judge({**GOOD, "centring_offset": 0.1}, 0.97, recipe).reasons == (
        "The product is 10% off its place.",
    )


def test_corrected_light_is_held_to_the_recipes_bound_and_only_there() -> None:
    moved = {**GOOD, "correct_delta_e_mean": 3.2}
    assert policy.judge(moved, 0.97, RECIPE).outcome == "approve"
    strict = {**RECIPE, "review": {"max_correct_delta_e": 2}}
    verdict = policy.judge(moved, 0.97, strict)
    assert verdict.reasons == (
        "Correcting the light moved the product's colours by ΔE 3.20; this recipe allows 2.00.",
    )
    assert verdict.needs_override
    assert policy.judge({**GOOD, "correct_delta_e_mean": 1.9}, 0.97, strict).outcome == "approve"


def test_a_shadow_that_should_have_been_kept_and_was_not_is_shown_to_a_person() -> None:
    keep = {**RECIPE, "shadow": {"kind": "keep"}}
    assert policy.judge({**GOOD, "shadow_kept": True}, 0.97, keep).outcome == "approve"
    assert policy.judge({**GOOD, "shadow_kept": False}, 0.97, keep).reasons == (
        "The photo's own shadow could not be kept; a soft one was drawn instead.",
    )


def test_every_twelfth_good_one_is_a_spot_check() -> None:
    recipe = {**RECIPE, "review": {"min_confidence": 0.9, "spot_check_every": 12}}
    outcomes = [policy.judge(GOOD, 0.97, recipe, nth=n).outcome for n in range(1, 25)]
    assert [n for n, outcome in enumerate(outcomes, 1) if outcome == "review"] == [12, 24]


@pytest.fixture
def unfaithful(shop: Shop):
    """An item whose product pixels changed."""
    shop.sell()
    shop.deliver()
    shop.work()
    [item] = shop.items()
    Decision.objects.all().delete()
    type(item).objects.filter(pk=item.pk).update(state=ItemState.PENDING, needs_override=True)
    item.refresh_from_db()
    return item


def test_changed_product_pixels_go_out_only_over_a_persons_name(shop: Shop, unfaithful) -> None:
    with pytest.raises(NotAllowed):
        services.decide(unfaithful, approved=True, user=shop.owner, actor="user:1")
    with pytest.raises(NotAllowed):
        services.decide(unfaithful, approved=True, user=None, actor="apikey:1", override=True)
    item = services.decide(unfaithful, approved=True, user=shop.owner, actor="user:1", override=True)
    assert item.state == ItemState.APPROVED
    assert Decision.objects.get().override


def test_the_second_of_two_people_who_disagree_is_told(shop: Shop, unfaithful) -> None:
    services.decide(unfaithful, approved=False, user=shop.owner, actor="user:1")
    services.decide(unfaithful, approved=False, user=shop.owner, actor="user:1")
    assert Decision.objects.count() == 1
    with pytest.raises(LostRace, match="already rejected"):
        services.decide(unfaithful, approved=True, user=shop.owner, actor="user:2", override=True)


LOOKS_LIKE_GLASS = {**GOOD, "see_through": 0.5, "see_through_delta_e": 15.0}


def test_what_may_be_glass_goes_to_a_person_with_the_question_that_decides() -> None:
    verdict = policy.judge(LOOKS_LIKE_GLASS, 0.97, RECIPE)
    assert verdict == policy.Verdict("review", (policy.MAYBE_GLASS,))
    assert "mark it as see-through; if not, approve" in policy.MAYBE_GLASS


@pytest.mark.parametrize(
    "numbers",
    [
        {**LOOKS_LIKE_GLASS, "see_through_delta_e": 1.5},
        {**LOOKS_LIKE_GLASS, "see_through": 0.2},
        {**GOOD, "see_through": 0.0},
    ],
    ids=["white to white", "a part of it", "nothing of it"],
)
def test_nobody_is_asked_about_glass_where_it_makes_no_difference(numbers: dict[str, float]) -> None:
    assert policy.judge(numbers, 0.97, RECIPE).outcome == "approve"


def test_nobody_is_asked_about_glass_who_has_said_what_it_is() -> None:
    opaque = {**RECIPE, "cutout": {"see_through": False}}
    assert policy.judge(LOOKS_LIKE_GLASS, 0.97, opaque).outcome == "approve"
    clear = {**RECIPE, "cutout": {"see_through": True}}
    assert policy.judge({**LOOKS_LIKE_GLASS, "see_through_used": True}, 0.97, clear).outcome == "approve"


def test_glass_that_had_to_stay_solid_is_shown_to_a_person() -> None:
    clear = {**RECIPE, "cutout": {"see_through": True}}
    verdict = policy.judge({**GOOD, "see_through_used": False}, 0.97, clear)
    assert verdict == policy.Verdict("review", (policy.STAYED_SOLID,))


def test_a_recipe_sets_how_much_may_look_like_glass() -> None:
    patient = {**RECIPE, "review": {"max_see_through": 0.8}}
    assert policy.judge(LOOKS_LIKE_GLASS, 0.97, patient).outcome == "approve"
    strict = {**RECIPE, "review": {"max_see_through_delta_e": 1.0}}
    assert policy.judge({**LOOKS_LIKE_GLASS, "see_through_delta_e": 1.5}, 0.97, strict).outcome == "review"
