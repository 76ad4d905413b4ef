"""The HorizontalPodAutoscaler's algorithm: from the states of pods and their metrics to a number. No I/O."""
