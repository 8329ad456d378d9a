"""The server side of the agents' page: sign-in at a seat, the voter's data (screen pop), commands, notes and the browser phone."""
