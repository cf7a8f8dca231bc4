"""Requests that others answer: kubelets, Pods, Services.

The contract with kubelets: what a client upgrades (exec, attach, port-forward, by WebSocket or SPDY/3.1) is passed on
byte by byte to the kubelet's https server at `status.daemonEndpoints.kubeletEndpoint.Port` of the node's InternalIP, at
upstream's paths (`/exec/NS/POD/CONTAINER?command=…`, `/attach/…`, `/portForward/NS/POD`, `/containerLogs/…`), with
this server's client certificate. The KUBELET speaks `v5.channel.k8s.io` and its kin; nothing of it
is known here but how V5 tells an error.
"""
