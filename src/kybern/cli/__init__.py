"""The verbs of `kybern`, one module each.

A verb's module has `NAME`, `HELP`, `configure(parser)` and `execute(args) -> int`. It is imported for `kybern --help`,
so it imports only light modules at its top; what is heavy is imported inside `execute`.
"""
