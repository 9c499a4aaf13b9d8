from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stores", "0002_written_media_photo")]

    operations = [
        migrations.AddField(
            model_name="store",
            name="api_root",
            field=models.CharField(blank=True, db_default="", default="", max_length=400),
        ),
    ]
