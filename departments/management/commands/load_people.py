"""`manage.py load_people FILE`: people and their places from a CSV."""

from departments.loading import load_people
from departments.management.loads import LoadCommand


class Command(LoadCommand):
    """Loads people, all or none."""

    help = "Load people from a CSV (email,name,body,role); somebody with several places has several rows."
    load = staticmethod(load_people)
