"""Records from outside the calls: marks (facts about voters), official turnout, complaints and opt-outs."""
