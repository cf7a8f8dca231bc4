"""What a component counts, and the text in which it is told: families of series, and what every process has.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""
