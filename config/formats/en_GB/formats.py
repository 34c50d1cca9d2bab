"""British English: a moment never without its time zone."""

DATETIME_FORMAT = "j F Y, H:i T"
