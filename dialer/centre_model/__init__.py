"""A model of a call centre in virtual time, on which pacing policies are measured and compared."""
