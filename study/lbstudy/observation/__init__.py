"""What was observed in a run, independent of where it was read from: the input of every measure.

``records`` has the shapes. A source fills them: the run's own store, or Prometheus and Jaeger.
"""
