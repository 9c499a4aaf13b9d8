"""How Django finds this room."""

from django.apps import AppConfig


class DashboardApp(AppConfig):
    name = "apps.dashboard"
    label = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.lib import keepers

        keepers.remade("thumbnails")
