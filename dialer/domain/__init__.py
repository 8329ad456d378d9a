"""The domain as data types: ids, campaigns, attempts, events, published states, errors and clocks.

It imports no other package of Matdan.
"""
