"""Pure rules: who may be called, when, and when next."""
