"""Modes, a file name that is chosen once, variants in the snapshot, and steps that tell how far they came."""

from django.db import migrations, models

# What was written before has the file names that were used then.
_STEMS = """
UPDATE publishing_publication p SET stem = 'vitrine-' || p.id || '-' || left(main ->> 'sha256', 10)
FROM jobs_render r, jsonb_array_elements(r.files) main
WHERE r.id = p.render_id AND main ->> 'name' = 'main'
  AND EXISTS (SELECT 1 FROM publishing_snapshot s WHERE s.publication_id = p.id)
"""
_STEPS = """
UPDATE publishing_step SET state = 'verified', sent_at = planned_at, verified_at = seen_at WHERE state = 'done'
"""
_SENT = "UPDATE publishing_step SET sent_at = planned_at WHERE state = 'sent'"

_STATES = [("planned", "planned"), ("sent", "sent, answer not seen"), ("seen", "the store answered"), ("verified", "checked in the store")]
_NAMES = [("upload", "Picture uploaded"), ("write", "Product's image list written"), ("variants", "Variations given the picture")]
_MODES = [
    ("replace", "takes the place of its photo"),
    ("add", "is added after the other pictures"),
    ("first", "becomes the first picture"),
    ("variation", "becomes the picture of the variations that show its photo"),
]


class Migration(migrations.Migration):
    dependencies = [("publishing", "0002_counted_by_pages"), ("jobs", "0001_initial")]

    operations = [
        migrations.AddField("publication", "mode", models.CharField(choices=_MODES, db_default="replace", default="replace", max_length=10)),
        migrations.AddField("publication", "stem", models.CharField(blank=True, db_default="", default="", max_length=120)),
        migrations.AddField("publication", "notes", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
        migrations.AddField("snapshot", "variants", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
        migrations.AlterField("snapshot", "taken_at", models.DateTimeField(auto_now=True)),
        migrations.AlterField("snapshot", "replaced_id", models.CharField(blank=True, default="", max_length=64)),
        migrations.AlterField("snapshot", "replaced_src", models.URLField(blank=True, default="", max_length=1000)),
        migrations.AlterField("snapshot", "replaced_key", models.CharField(blank=True, default="", max_length=200)),
        migrations.AlterField("snapshot", "replaced_sha256", models.CharField(blank=True, default="", max_length=64)),
        migrations.RenameField("step", "sent_at", "planned_at"),
        migrations.RenameField("step", "done_at", "seen_at"),
        migrations.AlterField("step", "name", models.CharField(choices=_NAMES, max_length=20)),
        migrations.AlterField("step", "state", models.CharField(choices=_STATES, default="planned", max_length=8)),
        migrations.AddField("step", "unsure", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("step", "sent_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("step", "verified_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(_STEMS, migrations.RunSQL.noop),
        migrations.RunSQL(_STEPS, "UPDATE publishing_step SET state = 'done' WHERE state IN ('seen', 'verified')"),
        migrations.RunSQL(_SENT, migrations.RunSQL.noop),
    ]
