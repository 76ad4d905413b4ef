"""Many changes at spread phases: a measured distribution, rather than one draw, against the model's."""
