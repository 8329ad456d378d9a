"""Records that do not come from calls: marks (facts about voters), official turnout, complaints and opt-outs."""
