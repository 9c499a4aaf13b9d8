"""A batch may have a cap on what it costs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_earlier_marks_are_kept_too")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="cap_micros",
            field=models.BigIntegerField(
                blank=True,
                help_text="What it may cost at most; nothing more is handed out then. Empty: no cap.",
                null=True,
            ),
        ),
    ]
