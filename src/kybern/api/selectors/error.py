"""What is wrong with a selector."""


class SelectorError(ValueError):
    """A selector that cannot be understood; the message is upstream's."""
