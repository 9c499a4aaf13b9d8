"""How Django finds this room."""

from django.apps import AppConfig


class IngestApp(AppConfig):
    name = "apps.ingest"
    label = "ingest"
    default_auto_field = "django.db.models.BigAutoField"
