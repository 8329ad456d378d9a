"""Checks of a site, each of which reports findings: before it dials (`before_start`) and while it runs (`while_running`)."""
