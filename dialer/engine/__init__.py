"""The engine: owns calls, seats and attempts; wakes, decides, commits, originates, routes, records."""
