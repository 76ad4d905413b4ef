"""A Kubernetes cluster as a platform: real pods, a real headless Service, the cluster's own DNS."""
