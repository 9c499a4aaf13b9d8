"""Count a batch's jobs and what they cost where they move: no code path can forget it, and no count is ever needed.

One trigger per statement with its transition tables: a statement that moves 100,000 jobs writes a few rows. Only rows
are added here, so two writers never wait for each other.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION jobs_tally_reason(state text, error_code text, cached boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state IN ('failed', 'quarantined') THEN error_code
                WHEN state = 'done' AND cached THEN 'cached' ELSE '' END
$$;

CREATE FUNCTION jobs_tally_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs_tally (batch_id, kind, reason, amount)
    SELECT batch_id, state, jobs_tally_reason(state, error_code, cached), count(*)
    FROM now_there WHERE batch_id IS NOT NULL GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION jobs_tally_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs_tally (batch_id, kind, reason, amount)
    SELECT batch_id, kind, reason, sum(amount) FROM (
        SELECT o.batch_id, o.state AS kind, jobs_tally_reason(o.state, o.error_code, o.cached) AS reason, -1 AS amount
        FROM was_there o WHERE o.batch_id IS NOT NULL
        UNION ALL
        SELECT n.batch_id, n.state, jobs_tally_reason(n.state, n.error_code, n.cached), 1
        FROM now_there n WHERE n.batch_id IS NOT NULL
    ) changes GROUP BY 1, 2, 3 HAVING sum(amount) <> 0;
    RETURN NULL;
END $$;

CREATE FUNCTION jobs_tally_cost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs_tally (batch_id, kind, reason, amount)
    SELECT j.batch_id, 'cost', '', sum(r.cost_micros)
    FROM booked r JOIN jobs_job j ON j.id = r.job WHERE j.batch_id IS NOT NULL GROUP BY 1;
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_tally_added AFTER INSERT ON jobs_job REFERENCING NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_added();
CREATE TRIGGER jobs_tally_moved AFTER UPDATE ON jobs_job REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_moved();
CREATE TRIGGER jobs_tally_cost AFTER INSERT ON usage_record REFERENCING NEW TABLE AS booked
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tally_cost();

INSERT INTO jobs_tally (batch_id, kind, reason, amount)
SELECT batch_id, state, jobs_tally_reason(state, error_code, cached), count(*)
FROM jobs_job WHERE batch_id IS NOT NULL GROUP BY 1, 2, 3;
INSERT INTO jobs_tally (batch_id, kind, reason, amount)
SELECT j.batch_id, 'cost', '', sum(r.cost_micros)
FROM usage_record r JOIN jobs_job j ON j.id = r.job WHERE j.batch_id IS NOT NULL GROUP BY 1;
"""

BACKWARD = """
DROP TRIGGER jobs_tally_added ON jobs_job;
DROP TRIGGER jobs_tally_moved ON jobs_job;
DROP TRIGGER jobs_tally_cost ON usage_record;
DROP FUNCTION jobs_tally_added();
DROP FUNCTION jobs_tally_moved();
DROP FUNCTION jobs_tally_cost();
DROP FUNCTION jobs_tally_reason(text, text, boolean);
DELETE FROM jobs_tally;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_batches"), ("usage", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
