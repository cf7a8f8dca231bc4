"""Calling what others run beside the cluster: webhooks of admission, conversion, authentication and authorisation."""
