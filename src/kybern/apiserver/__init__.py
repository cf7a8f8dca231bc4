"""The only door to the cluster's state: authenticates, authorises, validates, defaults, admits, stores, watches."""
