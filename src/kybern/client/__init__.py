"""How components meet the API: transports, the typed client, informers, the reconciler, leader election, events."""
