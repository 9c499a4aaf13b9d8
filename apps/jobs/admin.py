"""Jobs in Django's admin, for reading."""

from django.contrib import admin

from apps.jobs.models import Attempt, Batch, Job, Render, Worker


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    list_display = ("id", "store", "photo", "recipe_version", "lane", "state", "tries", "error_code")
    list_filter = ("state", "lane")


@admin.register(Attempt)
class AttemptAdmin(admin.ModelAdmin):
    list_display = ("id", "job", "number", "state", "worker", "stage", "lease_until")


admin.site.register([Batch, Render, Worker])
