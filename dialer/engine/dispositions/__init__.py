"""Dispositions: what agents report about a call, with the marks and opt-outs that follow."""
