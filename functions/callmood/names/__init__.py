"""What the names of recordings state: formats of telephone systems, and start times."""
