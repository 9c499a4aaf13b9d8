"""Publications in Django's admin, for reading."""

from django.contrib import admin

from apps.publishing.models import Cleaning, Publication, Reversal, Snapshot, Step, Undo


@admin.register(Publication)
class PublicationAdmin(admin.ModelAdmin):
    list_display = ("id", "product", "work_state", "media_id", "published_at", "undone_at")


admin.site.register([Snapshot, Step, Undo, Reversal, Cleaning])
