"""Add each record to its day where it is booked: no code path can forget it, and no page has to count records.

One trigger per statement; only rows are added, so two writers never wait for each other. A correction of a record
takes its old figures off and puts the new ones on.
"""

from django.db import migrations

COLUMNS = """workspace_id, day, store, recipe, batch, attempts, pictures, mattes_made, mattes_reused,
        device_seconds, bytes_in, bytes_out, cost_micros"""


def summed(rows: str, sign: str) -> str:
    return f"""
    SELECT workspace_id, (at AT TIME ZONE 'UTC')::date, store, recipe, batch, {sign}count(*),
        {sign}count(*) FILTER (WHERE outcome = 'done'), {sign}count(*) FILTER (WHERE cutout = 'made'),
        {sign}count(*) FILTER (WHERE cutout = 'reused'), {sign}sum(device_seconds), {sign}sum(bytes_in),
        {sign}sum(bytes_out), {sign}sum(cost_micros)
    FROM {rows} GROUP BY 1, 2, 3, 4, 5"""


FORWARD = f"""
CREATE FUNCTION usage_day_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_daily ({COLUMNS}) {summed("booked", "")};
    RETURN NULL;
END $$;

CREATE FUNCTION usage_day_corrected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_daily ({COLUMNS}) {summed("was_there", "-")} UNION ALL {summed("now_there", "")};
    RETURN NULL;
END $$;

CREATE TRIGGER usage_day_added AFTER INSERT ON usage_record REFERENCING NEW TABLE AS booked
    FOR EACH STATEMENT EXECUTE FUNCTION usage_day_added();
CREATE TRIGGER usage_day_corrected AFTER UPDATE ON usage_record
    REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION usage_day_corrected();

INSERT INTO usage_daily ({COLUMNS}) {summed("usage_record", "")};
"""

BACKWARD = """
DROP TRIGGER usage_day_added ON usage_record;
DROP TRIGGER usage_day_corrected ON usage_record;
DROP FUNCTION usage_day_added();
DROP FUNCTION usage_day_corrected();
DELETE FROM usage_daily;
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_days_prices_by_the_hour")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
