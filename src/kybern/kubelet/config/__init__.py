"""What a container is told: its environment, and what of its Pod and node it may know. Pure."""
