from django.db import migrations, models


class Migration(migrations.Migration):
    """Whose bank holidays a body keeps."""

    dependencies = [
        ('departments', '0005_how_it_bounced'),
    ]

    operations = [
        migrations.AddField(
            model_name='body',
            name='calendar',
            field=models.CharField(choices=[('england-and-wales', 'England and Wales'), ('scotland', 'Scotland'), ('northern-ireland', 'Northern Ireland')], db_default='england-and-wales', default='england-and-wales', help_text='Its bank holidays: time to answer counts on working days alone.', max_length=20),
        ),
    ]
