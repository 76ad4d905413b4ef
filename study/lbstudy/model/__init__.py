"""A model of how a gRPC client discovers servers over DNS: it predicts what a setting will do, without a run.

``client`` simulates one client event by event, by the rules of gRPC's source; ``fleet`` simulates thousands
of clients at once by the same rules. docs/model.md has the assumptions, and measurements to compare.
"""
