"""How Django finds this room."""

from django.apps import AppConfig


class JobsApp(AppConfig):
    name = "apps.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
