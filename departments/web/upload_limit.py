"""Stops a request whose body is larger than any file may be, before a byte of it is kept on disk."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from departments.uploads import LARGEST

# The other fields of the form, and what stands between the parts.
AROUND = 100_000


def is_too_large(request: HttpRequest) -> bool:
    """Whether this request's body was not taken in for its size: its file, and whatever came after, is not there."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST + AROUND
    except ValueError:
        return False


class Limit(FileUploadHandler):
    """The first of Django's upload handlers: others never see a file of a body that is too large.

    The body is still read to its end, so that a browser that is sending gets an answer instead of a closed connection.
    """

    too_large = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803  # Django's name for it
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Look at the whole body's length, which the web server holds it to."""
        self.too_large = content_length > LARGEST + AROUND

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        if self.too_large:
            raise StopUpload(connection_reset=False)
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand on to the handlers that keep it."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Another handler has the file."""
