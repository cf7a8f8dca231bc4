"""The API as data: structure and types (made at build from upstream's definitions), and what the definitions lack, as
tables beside each kind: names, scope, defaults, rules, print columns. Pure: no I/O, no clock of its own.
"""
