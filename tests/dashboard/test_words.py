"""What the pages say: every event of the trail has a sentence, measures are words, recipes are readable."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.audit import services as audit
from apps.audit.models import Event
from apps.dashboard import measures, recipe_words, words
from apps.jobs.models import Render
from apps.recipes.services import WHITE_PACKSHOT
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
    ],
)
def test_a_measure_is_told_in_words(numbers: dict[str, Any], name: str, value: str, look: bool) -> None:
    readings = measures.readings(Render(measures=numbers, confidence=None))
    assert measures.Reading(name, value, look) in readings


def test_a_render_without_measures_is_shown_all_the_same() -> None:
    assert measures.readings(Render(measures={}, confidence=None)) == []


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
