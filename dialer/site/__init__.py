"""A site as built from its settings: the engine's plan, connections, reload, and checks with readable findings."""
