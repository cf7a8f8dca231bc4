"""Dynamic admission: webhooks that others run may change or refuse what is written."""
