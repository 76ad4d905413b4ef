"""What can go wrong with Jaeger and Prometheus."""


class BackendError(Exception):
    """A backend could not be asked, or does not have the run; the message is one line for the user."""
