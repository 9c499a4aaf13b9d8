"""Recipes and their versions. A version never changes: what was rendered with it can be explained for ever."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace


class Recipe(models.Model):
    """A style with a name. `current` is the version that new jobs use."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="recipes")
    name = models.CharField(max_length=120)
    automatic = models.BooleanField(default=False, help_text="New and changed photos are rendered with it.")
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="recipes_recipe_once"),
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(automatic=True), name="recipes_one_automatic"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RecipeVersion(models.Model):
    """One immutable state of a recipe. PostgreSQL refuses to change it (migration 0002)."""

    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    pipeline = models.CharField(max_length=40)
    body = models.JSONField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipe", "number"], name="recipes_version_once")]

    def __str__(self) -> str:
        return f"{self.recipe} v{self.number}"

    @property
    def one_scale(self) -> bool:
        """Whether the photos of one product are to come out at one scale."""
        return (self.body.get("framing") or {}).get("consistent", "off") == "product"
