"""The node: the process that starts, signals and reaps pods, like a kubelet."""
