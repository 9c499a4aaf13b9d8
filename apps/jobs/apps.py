"""How Django finds this room."""

from django.apps import AppConfig


class JobsApp(AppConfig):
    name = "apps.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.lib import keepers

        keepers.column("jobs_jobinput", "key", kinds=["originals"], subject="job input")
        keepers.remade("mattes")
        keepers.keeps(
            "jobs_render.files",
            kinds=["renders"],
            sql="SELECT file ->> 'key' AS key, 'render:' || r.id AS subject"
            " FROM jobs_render r, jsonb_array_elements(r.files) file",
        )
        # What a live attempt has written so far; `Attempt.prefix` says the same.
        keepers.keeps(
            "jobs_attempt",
            kinds=["attempts"],
            sql="SELECT j.workspace_id || '/' || j.store_id || '/attempts/' || a.id || '-'"
            " || left(replace(a.token::text, '-', ''), 12) || '/' AS key, 'attempt:' || a.id AS subject"
            " FROM jobs_attempt a JOIN jobs_job j ON j.id = a.job_id WHERE a.state IN ('dispatched', 'running')",
        )
