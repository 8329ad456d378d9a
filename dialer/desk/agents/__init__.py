"""The agents' page, its server's side: who has which seat, who is on the line there, and what an agent does about it."""
