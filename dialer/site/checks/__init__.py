"""Checks of a site, which report findings: before it dials (`before_start`) and while it runs (`while_running`)."""
