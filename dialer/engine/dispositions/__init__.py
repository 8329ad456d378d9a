"""Dispositions: the results that agents enter for calls, with the records about voters and the opt-outs that follow."""
