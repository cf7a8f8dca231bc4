"""What the API server asks of a node: logs, commands in containers, connections to Pods."""
