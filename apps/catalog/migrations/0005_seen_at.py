import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_the_first_reading")]

    operations = [
        migrations.AlterField(
            model_name="product",
            name="seen_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                help_text="When the store was asked for what is known of it.",
            ),
        ),
    ]
