"""A recipe version is what a picture was made with: PostgreSQL refuses to change one."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION recipes_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recipe version never changes; add a new one' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER recipes_recipeversion_no_change BEFORE UPDATE ON recipes_recipeversion
    FOR EACH ROW EXECUTE FUNCTION recipes_refuse_change();
"""
BACKWARD = """
DROP TRIGGER recipes_recipeversion_no_change ON recipes_recipeversion;
DROP FUNCTION recipes_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("recipes", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
