"""Find the version that work should use."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from apps.recipes.models import RecipeVersion


def automatic(workspace: int) -> RecipeVersion | None:
    """The newest version of the recipe that new photos get; None where the merchant chose none."""
    return (
        RecipeVersion.objects.filter(
            recipe__workspace=workspace, recipe__automatic=True, recipe__archived=False
        )
        .select_related("recipe")
        .order_by("-number")
        .first()
    )


def newest(workspace: int, name: str) -> RecipeVersion | None:
    return (
        RecipeVersion.objects.filter(recipe__workspace=workspace, recipe__name=name, recipe__archived=False)
        .select_related("recipe")
        .order_by("-number")
        .first()
    )


def current(workspace: int) -> QuerySet[RecipeVersion]:
    """The newest version of every recipe in use, by the recipe's name."""
    newest_number = (
        RecipeVersion.objects.filter(recipe=OuterRef("recipe")).order_by("-number").values("number")[:1]
    )
    return (
        RecipeVersion.objects.filter(
            recipe__workspace=workspace, recipe__archived=False, number=Subquery(newest_number)
        )
        .select_related("recipe")
        .order_by("recipe__name")
    )
