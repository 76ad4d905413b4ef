"""What was observed in a run, free of where it was read from: the input of every measure.

``records`` holds the shapes; a source (the run's own store, or later Prometheus and Jaeger) fills them.
"""
