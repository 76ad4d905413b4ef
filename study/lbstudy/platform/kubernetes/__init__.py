"""The platform of a Kubernetes cluster: real pods, a real headless Service, the cluster's own DNS."""
