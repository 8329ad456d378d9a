"""Dispositions: the results that agents enter for calls, with the marks and opt-outs that follow."""
