"""The life of an object: created, updated, deleted. Knows no HTTP; endpoints, reviews and bootstrap share it."""
