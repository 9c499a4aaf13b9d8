"""Recipes: what each makes of a photo, and whether the photos of one product share a scale."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import recipe_words
from apps.dashboard.access import Asked, action, page
from apps.dashboard.forms import PublishForm, ScaleForm
from apps.dashboard.showing import back, show
from apps.lib.errors import VitrineError
from apps.recipes import selectors as recipes
from apps.recipes import services


@page
def recipe_list(request: Asked) -> HttpResponse:
    rows = [
        (version, recipe_words.lines(version.body), ScaleForm.of(version), PublishForm.of(version))
        for version in recipes.current(request.workspace.pk)
    ]
    return show(request, "recipes.html", {"recipes": rows})


@action(Role.OWNER)
def scale(request: Asked, pk: int) -> HttpResponse:
    """A new version of the recipe, whose pictures of one product share a scale or don't."""
    before = get_object_or_404(recipes.current(request.workspace.pk), recipe=pk)
    form = ScaleForm(request.POST)
    if not form.is_valid():
        return back(request, "dashboard:recipes", trouble="Choose how large the product is shown.")
    after = services.share_scale(before.recipe, one_scale=form.one_scale(), by=request.actor)
    if after == before:
        return back(request, "dashboard:recipes", ok=f"{before.recipe} stays as it is.")
    said = (
        f"{after.recipe} has version {after.number} now. Regenerate a store to see it in pictures there are."
    )
    return back(request, "dashboard:recipes", ok=said)


@action(Role.OWNER)
def publish(request: Asked, pk: int) -> HttpResponse:
    """A new version of the recipe, whose pictures go into a product another way or are called otherwise there."""
    before = get_object_or_404(recipes.current(request.workspace.pk), recipe=pk)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return back(request, "dashboard:recipes", trouble="Choose what a picture does to the product.")
    try:
        after = services.say_publish(before.recipe, form.part(), by=request.actor)
    except VitrineError as error:
        return back(request, "dashboard:recipes", trouble=error.message)
    if after == before:
        return back(request, "dashboard:recipes", ok=f"{before.recipe} stays as it is.")
    said = f"{after.recipe} has version {after.number} now. Pictures of new jobs go into the store that way."
    return back(request, "dashboard:recipes", ok=said)
