"""A model of a call centre in virtual time, for pacing policies: scenarios, the model, results and what-if comparisons."""
