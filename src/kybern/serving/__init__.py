"""A component's own small server: who may ask it, and what it tells of itself (health, metrics, configuration).

Sockets are `transport`'s; who somebody is and what they may do is asked of the API server, through `client`.
"""
