"""Custom resources: definitions become resources that are served, published and cleaned up.

`loop` follows the CustomResourceDefinitions, decides names and conditions (`names`), and keeps `resources`, the table of
what is served; each version of each is a `served.CustomServed` on a `cache.CustomCache`.
"""
