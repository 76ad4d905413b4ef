"""What can go wrong with the stack."""


class StackError(Exception):
    """The stack could not be started, found or stopped; the message is one line."""


class StackVariableError(StackError):
    """An environment variable of the stack has a value that cannot be used."""
