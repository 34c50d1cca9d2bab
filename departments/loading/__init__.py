"""Bodies and people from files.

Before: any directory. After: the directory as the file says, for all that the file names; whatever it does not name stays.
Twice: the second time nothing is written. Everything or nothing: a row that is not understood stops the whole load.
"""

from departments.loading.bodies import load_bodies
from departments.loading.people import load_people
from departments.loading.report import NotUnderstood, Remark, Report

__all__ = ["NotUnderstood", "Remark", "Report", "load_bodies", "load_people"]
