"""Settings × scenarios, repeated: the plan of a comparison, its model, and its conclusions. No I/O."""
