"""Prices by the hour, sums by the day, levels of a budget that were reached, and what a record is about."""

import django.db.models.deletion
from django.db import migrations, models

NUMBER = {"default": 0, "db_default": 0}
WORKSPACE = {"to": "accounts.workspace"}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("usage", "0001_initial")]

    operations = [
        migrations.RenameField("price", "micros_per_second", "micros_per_hour"),
        migrations.AlterField(
            "price",
            "micros_per_hour",
            models.BigIntegerField(help_text="Millionths of your currency for one hour."),
        ),
        migrations.AlterField(
            "price",
            "device",
            models.CharField(max_length=40, help_text="cpu, cuda, or one model such as cuda:NVIDIA L4."),
        ),
        migrations.RunSQL(
            "UPDATE usage_price SET micros_per_hour = micros_per_hour * 3600",
            "UPDATE usage_price SET micros_per_hour = micros_per_hour / 3600",
        ),
        migrations.AddField("record", "store", models.BigIntegerField(**NUMBER)),
        migrations.AddField("record", "recipe", models.BigIntegerField(**NUMBER)),
        migrations.AddField("record", "batch", models.BigIntegerField(**NUMBER)),
        migrations.AddField(
            "record",
            "micros_per_hour",
            models.BigIntegerField(help_text="The price that counted; 0 where it was not kept yet.", **NUMBER),
        ),
        migrations.AddField(
            "record",
            "cutout",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="made, reused, or empty for neither.",
                max_length=8,
            ),
        ),
        migrations.AddField("record", "estimated", models.BooleanField(db_default=False, default=False)),
        migrations.CreateModel(
            name="Daily",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("store", models.BigIntegerField(**NUMBER)),
                ("recipe", models.BigIntegerField(**NUMBER)),
                ("batch", models.BigIntegerField(**NUMBER)),
                ("attempts", models.BigIntegerField(**NUMBER)),
                ("pictures", models.BigIntegerField(**NUMBER)),
                ("cached", models.BigIntegerField(**NUMBER)),
                ("mattes_made", models.BigIntegerField(**NUMBER)),
                ("mattes_reused", models.BigIntegerField(**NUMBER)),
                ("device_seconds", models.FloatField(**NUMBER)),
                ("bytes_in", models.BigIntegerField(**NUMBER)),
                ("bytes_out", models.BigIntegerField(**NUMBER)),
                ("cost_micros", models.BigIntegerField(**NUMBER)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="daily_usage", **WORKSPACE
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "daily usage",
                "indexes": [
                    models.Index(fields=["workspace", "day"], name="usage_daily_by_month"),
                    models.Index(fields=["day"], name="usage_daily_recent"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reached",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField()),
                ("level", models.CharField(choices=[("warn", "warning"), ("stop", "stop")], max_length=4)),
                ("limit_micros", models.BigIntegerField()),
                ("holds", models.BooleanField(default=True)),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, **WORKSPACE),
                ),
            ],
            options={
                "verbose_name_plural": "reached levels",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["workspace", "month", "level", "limit_micros"], name="usage_reached_once"
                    )
                ],
            },
        ),
    ]
