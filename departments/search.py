"""Finding bodies by a piece of their name, alias or slug."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from departments.models import Body, BodyAlias


def bodies_like(words: str) -> QuerySet[Body]:
    """Bodies with each of these words in their name or slug, or all of them in an alias; by name. None for no words."""
    if not words.split():
        return Body.objects.none()
    alias = BodyAlias.objects.filter(body=OuterRef("pk"), text__icontains=" ".join(words.split()))
    named = Q()
    for word in words.split()[:8]:
        named &= Q(name__icontains=word) | Q(slug__icontains=word)
    return Body.objects.filter(named | Exists(alias))
