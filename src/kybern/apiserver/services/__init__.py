"""What Services take from the cluster: addresses, node ports; and the Service `kubernetes` itself."""
