"""The view of a run while it runs: ``state`` is pure, ``screen`` draws it, ``lines`` prints it."""
