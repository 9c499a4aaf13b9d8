"""How Django finds this room."""

from django.apps import AppConfig


class PublishingApp(AppConfig):
    name = "apps.publishing"
    label = "publishing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.lib import keepers

        # The bytes that an undo puts back.
        keepers.column("publishing_snapshot", "replaced_key", kinds=["originals"])
