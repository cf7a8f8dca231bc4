"""The node as an API object: what the machine is, whether it is well, and that it is alive."""
