"""What the pages say: every event of the trail has a sentence, measures are words, recipes are readable."""

from __future__ import annotations

import ast
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.audit import services as audit
from apps.audit.models import Event
from apps.dashboard import measures, recipe_words, words
from apps.dashboard.templatetags.vitrine import money
from apps.jobs.models import Job, Render
from apps.recipes.services import WHITE_PACKSHOT
from gpu_worker import errors, recipe
from tests import factories
from tests.dashboard.merchants import Merchant, person


def recorded_verbs() -> set[str]:
    """Every verb that some `audit.record("…")` in the code names."""
    found = set()
    for path in (Path(settings.BASE_DIR) / "apps").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(call, ast.Call)
                and call.args
                and getattr(call.func, "attr", getattr(call.func, "id", "")) == "record"
            ):
                found |= {
                    n.value
                    for n in ast.walk(call.args[0])
                    if isinstance(n, ast.Constant) and "." in str(n.value)
                }
    return {verb for verb in found if not verb.endswith(".")}


def test_every_event_that_the_code_records_has_a_sentence() -> None:
    assert len(recorded_verbs()) > 15
    assert recorded_verbs() <= set(words.PHRASES)


def test_the_trail_tells_who_did_what_in_words(merchant: Merchant, owner: Client) -> None:
    audit.record(
        "render.approved", workspace=merchant.workspace.pk, actor=f"user:{person(owner).pk}",
        subject=f"job:{merchant.waiting.job_id}", override=True, note="looks right",
    )  # fmt: skip
    html = owner.get("/audit/").content.decode()
    assert f"<strong>{person(owner).username}</strong> approved the picture, although" in html
    assert "looks right" in html
    assert f'href="/jobs/{merchant.waiting.job_id}/"' in html


def test_an_event_says_whether_it_is_sealed(merchant: Merchant, owner: Client) -> None:
    assert "not sealed yet" in owner.get("/audit/").content.decode()
    audit.seal()
    html = owner.get("/audit/").content.decode()
    assert "not sealed yet" not in html and "sealed, link 1" in html


def test_a_redacted_event_stays_in_the_trail_without_its_details(merchant: Merchant, owner: Client) -> None:
    event = Event.objects.get(workspace=merchant.workspace.pk)
    audit.redact(event, by="system")
    html = owner.get("/audit/").content.decode()
    assert "connected the store …" in html and "details removed" in html
    assert merchant.store.url not in html


def test_the_trail_is_narrowed_to_one_subject(merchant: Merchant, owner: Client) -> None:
    audit.record("job.cancelled", workspace=merchant.workspace.pk, subject="job:1")
    assert "connected the store" not in owner.get("/audit/?subject=job:1").content.decode()
    assert "No event about job:2" in owner.get("/audit/?subject=job:2").content.decode()
    assert "names nothing" in owner.get("/audit/?subject=what%00").content.decode()


@pytest.mark.parametrize("htmx", [False, True])
def test_verifying_says_that_the_trail_is_whole(htmx: bool, merchant: Merchant, owner: Client) -> None:
    audit.seal()
    html = owner.get("/audit/verify/", headers={"HX-Request": "true"} if htmx else {}).content.decode()
    assert "The trail is whole." in html
    assert ("<html" in html) is not htmx


def test_verifying_names_the_event_that_was_changed(merchant: Merchant, owner: Client) -> None:
    event = Event.objects.get(workspace=merchant.workspace.pk)
    event.detail.body = {"url": "https://forged.example"}
    event.detail.save()
    html = owner.get("/audit/verify/").content.decode()
    assert "The trail is damaged." in html and f"event {event.pk}" in html


@pytest.mark.parametrize(
    ("numbers", "name", "value", "look"),
    [
        ({"fidelity_levels_max": 0}, "Product's own pixels changed", "not at all", False),
        ({"fidelity_levels_max": 7}, "Product's own pixels changed", "by up to 7 of 255 levels", True),
        ({"fidelity_delta_e_p95": 1.4}, "Colour shift in the file", "ΔE 1.40, may be visible", True),
        ({"border_white_share": 0.974}, "Pure white at the edge", "97.4%", False),
        ({"border_white_share": 1.0}, "Pure white at the edge", "100%", False),
        ({"centring_offset": 0.0001}, "Off centre", "0%", False),
        ({"sharpness": 8.0}, "Sharpness", "8, looks soft", True),
        ({"touches_frame": 0.12}, "Product touches the photo's edge", "yes, along 12% of it", True),
        ({"scale": 2.5}, "Product enlarged", "2.50 times", True),
        ({"shadow_kept": True}, "The photo's own shadow", "carried over", False),
        (
            {"shadow_kept": False},
            "The photo's own shadow",
            "could not be kept, a soft one was drawn instead",
            True,
        ),
        ({"straightened_degrees": 2.25}, "Put upright", "turned by 2.2° to the right", False),
        ({"straightened_degrees": -0.5}, "Put upright", "turned by 0.5° to the left", False),
        ({"straightened_degrees": 0.0}, "Put upright", "not turned", False),
        ({"frames": 12, "first_frame_only": True}, "Pictures in the file", "12, the first was used", True),
        ({"cutout_given": True}, "Cut-out", "came with your photo and was kept", False),
        ({"see_through": 0.5, "see_through_used": True}, "See-through", "the new backdrop shows", False),
        (
            {"see_through_used": False},
            "See-through",
            "no old backdrop is seen through it: it stayed solid",
            True,
        ),
        (
            {"see_through": 0.4, "see_through_delta_e": 15.0},
            "Has the old backdrop's colours",
            "40% of the product",
            True,
        ),
        (
            {"see_through": 0.4, "see_through_delta_e": 1.5},
            "Has the old backdrop's colours",
            "40% of the product",
            False,
        ),
        (
            {"correct_reason": "the old backdrop is not plain", "correct_gain_red": 1.0},
            "Light corrected",
            "no: the old backdrop is not plain",
            False,
        ),
        (
            {
                "correct_reason": "measured on the old backdrop",
                "correct_gain_red": 1.2,
                "correct_gain_green": 1.2,
                "correct_gain_blue": 1.5,
                "correct_delta_e_mean": 3.1,
            },
            "Light corrected",
            "0.4 stops brighter, cooler; colours moved by ΔE 3.1 (measured on the old backdrop)",
            True,
        ),
    ],
)
def test_a_measure_is_told_in_words(numbers: dict[str, Any], name: str, value: str, look: bool) -> None:
    readings = measures.readings(Render(measures=numbers, confidence=None))
    assert measures.Reading(name, value, look) in readings


def test_a_render_without_measures_is_shown_all_the_same() -> None:
    assert measures.readings(Render(measures={}, confidence=None)) == []


def test_the_confidence_of_a_cut_out_that_came_with_the_photo_is_not_boasted_of() -> None:
    names = [r.name for r in measures.readings(Render(measures={"cutout_given": True}, confidence=1.0))]
    assert "Cut-out" in names and "Cut-out confidence" not in names


def worker_codes(kind: type[errors.WorkerError] = errors.WorkerError) -> set[str]:
    return {kind.code}.union(*(worker_codes(child) for child in kind.__subclasses__()))


def test_every_reason_for_which_a_render_stops_has_a_label() -> None:
    assert {"damaged_photo", "unsupported_photo", "too_small"} <= worker_codes()
    assert worker_codes() | {"photo_not_fetched", "worker_lost"} <= set(words.PROBLEMS)


def test_a_failed_job_says_what_is_wrong_and_what_to_do_about_it(merchant: Merchant, viewer: Client) -> None:
    error = errors.DamagedPhoto().as_error()
    Job.objects.filter(pk=merchant.failed_job.pk).update(error_code=error.code, error=error.message)
    html = viewer.get(f"/jobs/{merchant.failed_job.pk}/").content.decode()
    assert "<strong>Damaged photo:</strong> The photo is damaged or incomplete. Upload it again" in html
    assert "Damaged photo: The photo" in viewer.get("/jobs/?state=failed").content.decode()


def test_a_code_that_nobody_named_is_shown_as_it_stands() -> None:
    assert words.problem(Job(error_code="cosmic_ray")) == "Cosmic ray"


def test_the_recipe_page_knows_every_field_that_the_worker_knows() -> None:
    tables = {
        **{f.name: getattr(recipe.Recipe(), f.name) for f in fields(recipe.Recipe)},
        "outputs": recipe.Extra("zoom", 2000),
    }
    assert set(tables) == set(recipe_words.KNOWN)
    for name, table in tables.items():
        if is_dataclass(table):
            assert {f.name for f in fields(table)} == recipe_words.KNOWN[name], name


def in_words(**body: Any) -> dict[str, str]:
    return {line.name: line.value for line in recipe_words.lines({**WHITE_PACKSHOT, **body})}


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"correct": "auto"}, "Light in the photo", "corrected: exposure and white balance"),
        ({"cutout": {"see_through": True}}, "Cut-out", "it is see-through"),
        (
            {"backdrop": {"kind": "sweep", "color": "#eeeeee", "color2": "#cccccc"}},
            "Backdrop",
            "wall #eeeeee that runs into a floor #cccccc behind the product's foot",
        ),
        (
            {"backdrop": {"kind": "gradient", "color": "#ffffff", "color2": "#cccccc", "shape": "radial"}},
            "Backdrop",
            "round gradient from #ffffff inside to #cccccc outside",
        ),
        (
            {"framing": {"canvas_px": [800, 1000], "margins": [0.1, 0.05, 0.1, 0], "anchor": "bottom"}},
            "Framing",
            "800 × 1000 px, the product fills at most 85%, free stay 10% left and 5% top and 10% right, "
            "it stands at the bottom",
        ),
        (
            {"framing": {"canvas_px": [800, 800], "scale_px_per_px": 0.31, "straighten": "auto"}},
            "Framing",
            "800 × 800 px, the product at 31% of its size in the photo, small tilts are put upright",
        ),
        ({"shadow": {"kind": "keep"}}, "Shadow", "the photo's own shadow, carried over"),
        (
            {"shadow": {"kind": "cast", "strength": 0.5}},
            "Shadow",
            "cast shadow, 50% as dark",
        ),
        (
            {"light": {"azimuth": 320, "elevation": 50}},
            "Light from",
            "the front left, 50° above the ground, soft",
        ),
        ({"light": {"azimuth": -90, "softness": 0}}, "Light from", "the left, 50° above the ground, hard"),
        (
            {"reflection": {"strength": 0.3}},
            "Reflection",
            "in the floor, 30% strong, gone after 35% of the height",
        ),
        (
            {"output": {"format": "webp", "quality": 82, "sharpen": "auto", "disclose": True}},
            "File",
            "WEBP, quality 82, sharpened where it was made smaller, marked as made with AI",
        ),
        (
            {"outputs": [{"name": "zoom", "longest_px": 3000}, {"name": "thumb", "longest_px": 400, "format": "webp"}]},
            "More files",
            "zoom: 3000 px; thumb: 400 px WEBP",
        ),
        (
            {"cutout": {"box": [0, 0, 1, 0.9], "clicks": [[0.5, 0.5, True], [0.1, 0.1, False]], "keep_holes": True}},
            "Cut-out",
            "a box around the product, 1 point on the product, 1 point beside it, openings show what is behind",
        ),
    ],
)  # fmt: skip
def test_what_a_recipe_asks_is_told_in_a_merchants_words(body: dict[str, Any], name: str, value: str) -> None:
    assert in_words(**body)[name] == value


def test_what_a_recipe_leaves_alone_takes_no_line() -> None:
    assert {"Cut-out", "Light in the photo", "Light from", "Reflection", "More files"}.isdisjoint(in_words())


def test_a_field_inside_a_part_that_is_new_here_is_shown_as_it_stands() -> None:
    assert in_words(framing={"canvas_px": [800, 800], "tilt": 3})["framing.tilt"] == "3"


def test_a_recipe_is_readable_and_hides_nothing() -> None:
    lines = {line.name: line for line in recipe_words.lines({**WHITE_PACKSHOT, "mood": "calm"})}
    assert lines["Backdrop"].value == "pure white" and lines["Backdrop"].colours == ("#ffffff",)
    assert lines["Framing"].value == "1600 × 1600 px, the product fills 85%"
    assert lines["Goes out by itself"].value == "from 90% cut-out confidence"
    assert lines["mood"].value == "calm"


def test_a_recipe_that_a_person_starts_says_so() -> None:
    body = {"pipeline": "background", "backdrop": {"kind": "transparent"}, "review": {"publish": "manual"}}
    lines = {line.name: line.value for line in recipe_words.lines(body)}
    assert lines["Backdrop"] == "transparent"
    assert lines["Goes out by itself"].startswith("never")


def test_the_recipe_page_shows_the_newest_version_only(merchant: Merchant, viewer: Client) -> None:
    body = {**WHITE_PACKSHOT, "backdrop": {"kind": "solid", "color": "#d2c4b0"}}
    factories.RecipeVersionFactory(recipe=merchant.version.recipe, number=2, body=body)
    html = viewer.get("/recipes/").content.decode()
    assert "Version 2" in html and "Version 1" not in html
    assert 'fill="#d2c4b0"' in html


@pytest.mark.parametrize(
    ("micros", "said"),
    [
        (0, "0.00"),
        (None, "0.00"),
        (40, "<0.0001"),
        (1_500, "0.0015"),
        (123_456, "0.12"),
        (1_234_567_890, "1,234.57"),
    ],
)
def test_a_price_is_never_shown_as_nothing(micros: int | None, said: str) -> None:
    assert money(micros) == said
