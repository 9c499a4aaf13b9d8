"""Batches say that their cap was reached, attempts how they came by their cut-out; kept cut-outs have rows; what was
booked says what it was for, and a corrected record corrects its batch's cost."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

FORWARD = """
UPDATE usage_record r SET store = j.store_id, recipe = v.recipe_id, batch = COALESCE(j.batch_id, 0)
FROM jobs_job j JOIN recipes_recipeversion v ON v.id = j.recipe_version_id WHERE j.id = r.job;

INSERT INTO usage_daily (workspace_id, day, store, recipe, batch, cached)
SELECT j.workspace_id, (j.finished_at AT TIME ZONE 'UTC')::date, j.store_id, v.recipe_id, COALESCE(j.batch_id, 0),
    count(*)
FROM jobs_job j JOIN recipes_recipeversion v ON v.id = j.recipe_version_id
WHERE j.state = 'done' AND j.cached AND j.finished_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5;

CREATE FUNCTION jobs_tally_cost_corrected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs_tally (batch_id, kind, reason, amount)
    SELECT j.batch_id, 'cost', '', sum(n.cost_micros - o.cost_micros)
    FROM now_there n JOIN was_there o USING (id) JOIN jobs_job j ON j.id = n.job
    WHERE j.batch_id IS NOT NULL GROUP BY 1 HAVING sum(n.cost_micros - o.cost_micros) <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_tally_cost_corrected AFTER UPDATE ON usage_record
    REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_cost_corrected();
"""

BACKWARD = """
DROP TRIGGER jobs_tally_cost_corrected ON usage_record;
DROP FUNCTION jobs_tally_cost_corrected();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("jobs", "0009_counted_by_pages"),
        ("recipes", "0002_versions_never_change"),
        ("stores", "0002_written_media_photo"),
        ("usage", "0003_days_by_trigger"),
    ]

    operations = [
        migrations.AddField(
            "batch",
            "cap_reached_at",
            models.DateTimeField(
                blank=True,
                help_text="Since when nothing is handed out because not one more would fit.",
                null=True,
            ),
        ),
        migrations.AddField(
            "attempt",
            "cutout",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="made, reused from an earlier picture of the photo, or empty for neither.",
                max_length=8,
            ),
        ),
        # The newest jobs of a batch; it serves all that the key's own index did.
        migrations.AddIndex("job", models.Index(fields=["batch", "-id"], name="jobs_of_batch")),
        migrations.AlterField(
            "job",
            "batch",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="jobs.batch",
            ),
        ),
        migrations.CreateModel(
            name="Matte",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("engine", models.CharField(max_length=40)),
                ("size_bytes", models.BigIntegerField()),
                (
                    "uses",
                    models.PositiveIntegerField(default=0, help_text="How often it saved a search."),
                ),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("used_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "store",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="stores.store"),
                ),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.workspace"),
                ),
            ],
            options={"indexes": [models.Index(fields=["used_at"], name="jobs_matte_unused")]},
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
