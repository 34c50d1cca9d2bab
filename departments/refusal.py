"""The one way in which the directory's verbs say no."""


class Refused(Exception):
    """Nothing was changed. Its text is a sentence for the person who asked: why, and what to do."""
