"""How Django finds this room."""

from django.apps import AppConfig


class AccountsApp(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
