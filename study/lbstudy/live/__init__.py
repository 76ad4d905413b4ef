"""The view of a run in progress: ``state`` has no I/O, ``screen`` draws it, ``lines`` prints it."""
