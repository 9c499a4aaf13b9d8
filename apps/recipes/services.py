"""Make recipes; a change is a new version."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.lib import ids
from apps.lib.errors import BadRequest
from apps.recipes import publishing
from apps.recipes.models import Recipe, RecipeVersion

# What a new workspace starts with: the picture that every marketplace accepts.
WHITE_PACKSHOT: dict[str, Any] = {
    "pipeline": "background",
    "backdrop": {"kind": "solid", "color": "#ffffff"},
    "framing": {"canvas_px": [1600, 1600], "fill": 0.85},
    "shadow": {"kind": "contact"},
    "output": {"format": "jpeg", "max_bytes": None},
    "review": {"min_confidence": 0.9, "spot_check_every": 12},
}
PIPELINES = ("background",)


@transaction.atomic
def create(
    workspace: Workspace, *, name: str, body: dict[str, Any], by: str, automatic: bool = False
) -> RecipeVersion:
    """A recipe with its first version. Raises BadRequest for a taken name or an unknown pipeline."""
    if Recipe.objects.filter(workspace=workspace, name=name).exists():
        raise BadRequest(f"There is already a recipe called {name}.")
    if automatic:
        Recipe.objects.filter(workspace=workspace, automatic=True).update(automatic=False)
    recipe = Recipe.objects.create(workspace=workspace, name=name, automatic=automatic)
    return add_version(recipe, body=body, by=by)


def share_scale(recipe: Recipe, *, one_scale: bool, by: str) -> RecipeVersion:
    """The version in which the photos of one product come out at one scale, or each by itself as before."""
    last = recipe.versions.latest("number")
    if last.one_scale == one_scale:
        return last
    body = last.body
    framing = {k: v for k, v in (body.get("framing") or {}).items() if k != "consistent"}
    if one_scale:
        framing["consistent"] = "product"
    return add_version(recipe, body={**body, "framing": framing}, by=by)


def say_publish(recipe: Recipe, part: dict[str, str], *, by: str) -> RecipeVersion:
    """The version whose pictures go into a product this way (`publishing.check`). Raises BadRequest."""
    body = {k: v for k, v in recipe.versions.latest("number").body.items() if k != "publish"}
    return add_version(recipe, body={**body, "publish": part} if part else body, by=by)


@transaction.atomic
def add_version(recipe: Recipe, *, body: dict[str, Any], by: str) -> RecipeVersion:
    """The next version; an unchanged body gives back the version that has it last."""
    pipeline = body.get("pipeline", "")
    if pipeline not in PIPELINES:
        raise BadRequest(f"There is no pipeline called {pipeline!r}; there is {', '.join(PIPELINES)}.")
    publishing.check(body.get("publish"))
    recipe = Recipe.objects.select_for_update().get(pk=recipe.pk)
    last = recipe.versions.order_by("-number").first()
    digest = ids.digest(body)
    if last and last.digest == digest:
        return last
    number = (recipe.versions.aggregate(n=Max("number"))["n"] or 0) + 1
    version = RecipeVersion.objects.create(
        recipe=recipe, number=number, pipeline=pipeline, body=body, digest=digest
    )
    audit.record(
        "recipe.version",
        workspace=recipe.workspace_id,
        actor=by,
        subject=f"recipe:{recipe.pk}",
        refs={"version": version.pk},
        name=recipe.name,
        number=number,
        body=body,
    )
    return version
