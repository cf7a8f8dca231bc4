"""The cluster's DNS server on one node: Services, their endpoints and Pods by name; everything else from upstream.

The names are those of the specification (https://github.com/kubernetes/dns/blob/master/docs/specification.md, version
1.1.0) as CoreDNS with kubeadm's configuration answers them.
"""
