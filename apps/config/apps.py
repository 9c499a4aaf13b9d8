"""How Django finds this room."""

from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "apps.config"
    label = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.config import checks  # noqa: F401 - registers itself
        from apps.config.celery import app

        # Every thread of every process sends its hints through this application.
        app.set_default()
