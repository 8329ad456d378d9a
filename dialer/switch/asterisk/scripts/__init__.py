"""AGI scripts (`flow = "script:..."`): programs that a site writes to serve calls. Each runs isolated from the dialler."""
