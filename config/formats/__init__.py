"""How dates are written where nothing else says so: in Django's admin."""
