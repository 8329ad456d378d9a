"""Code that the web servers of a centre and of headquarters share: routes, access rules, sign-in, sessions, HTTP."""
