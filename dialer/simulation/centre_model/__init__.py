"""A call centre in virtual time that any pacing policy can drive: scenarios, the model, its results and what-if comparisons."""
