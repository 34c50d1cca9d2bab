"""The product's pages, and two views to hold them against: one that does nothing, and one that does one UPDATE."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from alerts.models import Recipient
from config.urls import urlpatterns as product


@csrf_exempt
@require_POST
def update(request: HttpRequest, recipient: int) -> HttpResponse:
    """What an answer changes of the recipient's row, and nothing else. For the benchmark alone."""
    Recipient.objects.filter(pk=recipient).update(answered_revision=1, acted_revision=1)
    return HttpResponse(status=204)


def bare(request: HttpRequest, token: str) -> HttpResponse:
    """Nothing at all. For the benchmark alone."""
    return HttpResponse(b"")


urlpatterns = [path("bench/update/<int:recipient>", update), path("bench/bare/<str:token>", bare), *product]
