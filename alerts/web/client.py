"""What a request says of whoever sent it: the evidence by which a machine's press is told from a person's."""

from django.http import HttpRequest

from alerts.suspicion import Client


def client_of(request: HttpRequest) -> Client:
    """Read from the request alone; writes nothing."""
    return Client(user_agent=request.headers.get("User-Agent", ""))
