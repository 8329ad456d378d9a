"""Checks of a centre before it dials (`before_start`) and while it runs (`while_running`), with their results."""
