"""What crosses the wire to the container runtime."""
