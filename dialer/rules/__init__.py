"""Pure rules about calls: which numbers may be called, when, and when next."""
