"""The `callmood` command line."""
