"""Holds dialling with a store that is older than the newest call which is recorded outside it."""
