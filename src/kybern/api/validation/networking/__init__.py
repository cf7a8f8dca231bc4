"""Rules of networking.k8s.io. Source: pkg/apis/networking/validation."""
