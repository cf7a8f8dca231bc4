"""The supervisor behind `kybern up` and `kybern down`: containerd, the network of the nodes, the processes, their end.

It never talks to the store, and never to a container: containers are containerd's, and outlive every process started
here.
"""
