"""The inbox in Django's admin."""

from django.contrib import admin

from apps.ingest.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    list_display = ("id", "store", "topic", "external_id", "received_at", "repeats", "work_state", "outcome")
    exclude = ("body",)
