"""Settings × scenarios, repeated: the plan of a comparison, its model, and what follows from it. No I/O."""
