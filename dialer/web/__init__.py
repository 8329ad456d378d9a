"""Shared parts of the page servers of a centre and of headquarters: routes, access, sign-in, sessions and the HTTP server."""
