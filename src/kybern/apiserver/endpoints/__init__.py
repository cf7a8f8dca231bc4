"""The last stage: one function for each verb, one file for each subresource that is more than a part of its object."""
