"""What can go wrong with the stack."""


class StackError(Exception):
    """The stack could not be started, found or stopped; the message is one line."""
