"""Recipes in Django's admin; versions are for reading."""

from django.contrib import admin

from apps.recipes.models import Recipe, RecipeVersion


@admin.register(Recipe)
class RecipeAdmin(admin.ModelAdmin):
    list_display = ("name", "workspace", "automatic", "archived")


@admin.register(RecipeVersion)
class RecipeVersionAdmin(admin.ModelAdmin):
    list_display = ("recipe", "number", "pipeline", "created_at")

    def has_change_permission(self, request, obj=None):
        return False
