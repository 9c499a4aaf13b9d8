from django.db import migrations

# Each store's first reading counts no drift. When earlier ones ended is not known; when they were asked for is.
FORWARD = """
UPDATE catalog_sync SET first = true WHERE id IN (
    SELECT min(id) FROM catalog_sync WHERE since IS NULL AND work_state = 'done' GROUP BY store_id);
UPDATE catalog_sync SET first = true FROM stores_store s
    WHERE s.id = store_id AND s.watermark IS NULL AND work_state IN ('waiting', 'running');
UPDATE catalog_sync SET started_at = created_at, finished_at = created_at WHERE work_state = 'done';
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_drift")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
