"""Custom resources as data: what a CustomResourceDefinition's schemas mean for the objects they describe. Pure.

A schema is the plain JSON of `openAPIV3Schema`, read through `schema`. `rules` and `properties` judge schemas when a
definition is written; `form` prunes and defaults objects, `values` judges them in upstream's words; `compiler` writes
for each schema Python source that does both at once for what is in order, which nearly all is, and leaves the rest to
those two. `codec` is the door for decoding, `judge` the one for validation.

Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema, k8s.io/kube-openapi pkg/validation.
"""
