"""How Django finds this room."""

from django.apps import AppConfig


class RecipesApp(AppConfig):
    name = "apps.recipes"
    label = "recipes"
    default_auto_field = "django.db.models.BigAutoField"
