"""How Django finds this room."""

from django.apps import AppConfig


class PublishingApp(AppConfig):
    name = "apps.publishing"
    label = "publishing"
    default_auto_field = "django.db.models.BigAutoField"
