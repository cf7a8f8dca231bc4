"""What the server counts, under upstream's names, in Prometheus' text format.

Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""
