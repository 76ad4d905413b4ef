"""Many changes at spread phases, so that a distribution is measured rather than one draw; held against the model."""
