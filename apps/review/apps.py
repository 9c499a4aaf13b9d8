"""How Django finds this room."""

from django.apps import AppConfig


class ReviewApp(AppConfig):
    name = "apps.review"
    label = "review"
    default_auto_field = "django.db.models.BigAutoField"
