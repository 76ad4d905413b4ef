"""The node: the one process that starts, signals and reaps pods, as a kubelet does."""
