"""Automatic call distribution: connects answered calls to agents, and queues voters while no agent is free."""
