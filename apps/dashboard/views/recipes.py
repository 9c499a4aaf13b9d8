"""Recipes, read only: what each makes of a photo."""

from __future__ import annotations

from django.http import HttpResponse

from apps.dashboard import recipe_words
from apps.dashboard.access import Asked, page
from apps.dashboard.showing import show
from apps.recipes import selectors as recipes


@page
def recipe_list(request: Asked) -> HttpResponse:
    rows = [(version, recipe_words.lines(version.body)) for version in recipes.current(request.workspace.pk)]
    return show(request, "recipes.html", {"recipes": rows})
