"""The node agent: Pod objects become running containers, through containerd's CRI."""
