from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("publishing", "0005_cleanings")]

    operations = [
        migrations.AddField(
            "snapshot", "given", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)
        ),
    ]
