from django.db import migrations, models


class Migration(migrations.Migration):
    """Room for one more word in a column. A longer limit rewrites no row and reads none; alone, so that only this is exempt
    from the look at migrations, which takes every changed type for a danger."""

    dependencies = [
        ('alerts', '0013_routes_indexed'),
    ]

    operations = [
        migrations.AlterField(
            model_name='acknowledgement',
            name='read',
            field=models.CharField(choices=[('yes', 'read and understood'), ('help', 'read, and needs help'), ('phishing', 'says that it looks like phishing')], max_length=8),
        ),
    ]
