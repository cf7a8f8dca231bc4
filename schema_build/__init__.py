"""Makes, at build, what the package needs of upstream's API definitions: typed structs and the schema's structure.

It owns `src/kybern/api/types/*_v*.py` and `src/kybern/api/definitions/*.gz`. It is no part of the installed package.
"""
