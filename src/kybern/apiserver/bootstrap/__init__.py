"""What a fresh cluster holds before anyone asks: namespaces, roles, priorities. Reconciled at every start."""
