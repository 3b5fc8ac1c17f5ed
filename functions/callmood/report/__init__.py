"""The page: a static site that shows where calls go wrong, and lets one hear it."""
