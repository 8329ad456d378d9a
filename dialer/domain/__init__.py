"""The domain as data types: ids, campaigns, attempts, events, views, errors and clocks.

Imports no other package of Matdan.
"""
