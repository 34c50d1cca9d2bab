"""With which keys the links of an advisory were signed: taking such a key away would break them."""

from django.db import models
from django.db.models.functions import Now

from alerts.models.advisory import Advisory


class LinkKey(models.Model):
    """One key (its fingerprint, `alerts.tokens.fingerprint`) with which mails of an advisory were made."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="link_keys", db_index=False)
    fingerprint = models.CharField(max_length=22)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advisory", "fingerprint"], name="link_key_once")]

    def __str__(self) -> str:
        return f"{self.fingerprint} of {self.advisory_id}"
