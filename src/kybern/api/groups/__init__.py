"""What each kind does beside having a schema: one module per group, or per kind where the group is large.

A module offers `BEHAVIOUR: dict[kind, Behaviour]`; `registry` joins it with the row of names."""
