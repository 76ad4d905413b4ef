"""A model of how a gRPC client discovers servers over DNS: what a setting will do, before anything runs.

``client`` goes through one client's events one by one, as gRPC's source has them; ``fleet`` carries the same
to thousands of clients at once. docs/model.md has the assumptions and what was measured against them.
"""
