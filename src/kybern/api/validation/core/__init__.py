"""Rules of the core group. Source: pkg/apis/core/validation."""
