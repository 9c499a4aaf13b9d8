"""How Django finds this room."""

from django.apps import AppConfig


class AuditApp(AppConfig):
    name = "apps.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
