from django.db import migrations


def forward(apps, schema_editor):
    """Until now every new or exchanged photo was rendered with the automatic recipe: that is each store's first rule."""
    Rule = apps.get_model("automation", "Rule")
    for store in apps.get_model("stores", "Store").objects.values_list("pk", flat=True):
        Rule.objects.get_or_create(
            store_id=store,
            standard=True,
            defaults={
                "name": "New photos",
                "events": ["new_product", "new_photo", "changed_photo"],
                "created_by": "system",
            },
        )


class Migration(migrations.Migration):
    dependencies = [("automation", "0001_initial")]

    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
