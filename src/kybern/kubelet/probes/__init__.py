"""Probes: is a container alive, ready, started?"""
