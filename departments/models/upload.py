"""A file of bodies or people that an administrator put in through the page: compared first, then loaded or put aside."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Upload(models.Model):
    """The file and how far it got. Its rows are read by a background step; the content goes once that is over."""

    class What(models.TextChoices):
        BODIES = "bodies", "bodies"
        PEOPLE = "people", "people"

    class State(models.TextChoices):
        COMPARING = "comparing", "is being compared with the directory"
        COMPARED = "compared", "waits for a decision"
        LOADING = "loading", "is being loaded"
        LOADED = "loaded", "loaded"
        REFUSED = "refused", "not understood; nothing was loaded"
        PUT_ASIDE = "put-aside", "put aside; nothing was loaded"

    what = models.CharField(max_length=6, choices=What)
    name = models.CharField(max_length=255, help_text="As the file was called.")
    size = models.PositiveIntegerField(help_text="In bytes.")
    content = models.BinaryField(null=True)
    close_missing = models.BooleanField(default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=9, choices=State, default=State.COMPARING)
    report = models.JSONField(default=dict)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["comparing", "loading"]), name="upload_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
