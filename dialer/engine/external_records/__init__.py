"""Records from outside the calls: marks, official turnout, complaints and opt-outs."""
