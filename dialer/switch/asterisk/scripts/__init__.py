"""AGI scripts (`flow = "script:..."`): programs of a site that talk to a caller, each in a containment of its own."""
