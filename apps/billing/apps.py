"""How Django finds this room."""

from django.apps import AppConfig


class BillingApp(AppConfig):
    name = "apps.billing"
    label = "billing"
    default_auto_field = "django.db.models.BigAutoField"
