"""What a centre needs to run, built from its settings: the engine's plan, connections, reload, and checks."""
