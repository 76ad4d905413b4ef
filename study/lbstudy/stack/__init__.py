"""Starts Collector, Jaeger, Prometheus and Grafana from programs on PATH, with the repository's files."""


class StackError(Exception):
    """The stack could not be started, found or stopped. The message is one line."""


class StackVariableError(StackError):
    """An environment variable of the stack has an invalid value."""
