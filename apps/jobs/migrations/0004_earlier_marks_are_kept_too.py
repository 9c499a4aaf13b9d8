"""What people marked before marks were kept: the last word about each photo of just these bytes."""

from django.db import migrations


def keep_earlier_marks(apps, schema_editor):
    Job, JobInput = apps.get_model("jobs", "Job"), apps.get_model("jobs", "JobInput")
    PhotoMarks = apps.get_model("jobs", "PhotoMarks")
    for job in Job.objects.filter(instead_of__isnull=False).order_by("pk").iterator():
        table = job.parameters.get("cutout")
        seen = JobInput.objects.filter(job=job, role="main").exclude(sha256="").first()
        if table and seen:
            PhotoMarks.objects.update_or_create(
                photo_id=job.photo_id,
                sha256=seen.sha256,
                defaults={"cutout": table, "set_by": "system", "set_at": job.created_at},
            )


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_marks_are_kept")]

    operations = [migrations.RunPython(keep_earlier_marks, migrations.RunPython.noop)]
