"""How Django finds this room."""

from django.apps import AppConfig


class CatalogApp(AppConfig):
    name = "apps.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.lib import keepers

        keepers.column("catalog_photo", "key", kinds=["originals"], subject="photo")
