"""AGI scripts (`flow = "script:..."`): programs that a site writes to serve calls, each in its own containment."""
