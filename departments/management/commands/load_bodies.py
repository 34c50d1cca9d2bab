"""`manage.py load_bodies FILE`: bodies from a CSV or from the GOV.UK organisations API's JSON."""

from departments.loading import load_bodies
from departments.management.loads import LoadCommand


class Command(LoadCommand):
    """Loads bodies, all or none."""

    help = "Load bodies from a CSV (slug,name,kind,parent,topics) or from the GOV.UK organisations API's JSON."
    load = staticmethod(load_bodies)
