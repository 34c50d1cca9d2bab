"""The parts of the one bar: where each of so many people stands, each of them in one part only."""

from typing import NamedTuple

from alerts.coverage import Figures


class Parts(NamedTuple):
    """Counts of people, in the bar's order; together they are everybody targeted."""

    answered: int = 0
    told: int = 0
    """Reported as delivered, and silent. None where no route reports delivery."""
    sent: int = 0
    """Sent without word of delivery; handed over, on a route that gives none."""
    held: int = 0
    """Waiting in a body that its contacts hold, or below one."""
    waiting: int = 0
    """Waiting for their turn."""
    dark: int = 0
    """Cannot be reached."""

    @property
    def total(self) -> int:
        """Everybody."""
        return sum(self)

    def not_told(self, reports_delivery: bool) -> int:
        """Who has not been told; handed over is as much as can be known on a route that reports no delivery."""
        return self.held + self.waiting + self.dark + (self.sent if reports_delivery else 0)


def parts_of(figures: Figures, held: int) -> Parts:
    """Split `figures` so that nobody is in two parts: an answer outweighs whatever became of the mail."""
    answered, told, dark = figures.acknowledged, figures.silent, figures.unreachable
    sent = figures.targeted - answered - told - dark - figures.unsent
    behind = min(held, figures.unsent)
    return Parts(answered, told, sent, behind, figures.unsent - behind, dark)
