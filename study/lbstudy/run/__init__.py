"""A run from its plan to its result: the platform, the load, the timeline, and the clean-up."""
