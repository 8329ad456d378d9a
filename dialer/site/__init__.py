"""The parts of a running centre, built from its settings: the engine's plan, connections, reload and checks."""
