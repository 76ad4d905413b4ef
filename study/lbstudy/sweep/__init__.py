"""Many changes at evenly spread phases: measures a distribution, and compares it with the model's."""
