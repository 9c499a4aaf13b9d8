"""How Django finds this room."""

from django.apps import AppConfig


class CatalogApp(AppConfig):
    name = "apps.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
