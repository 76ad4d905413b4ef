"""Chooses where ``lbstudy run`` runs, from its options."""

from lbstudy import venues
from lbstudy.cli.failure import UsageError
from lbstudy.run.venue import Venue
from lbstudy.venues import On


def choose(on: On, context: str | None, namespace: str | None) -> Venue:
    """Return the venue that the options name. Raises UsageError if they contradict each other."""
    given = {"context": context, "namespace": namespace}
    try:
        return venues.choose(on, {name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error
