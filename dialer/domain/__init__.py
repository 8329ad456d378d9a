"""The field's words as data: ids, campaigns, attempts, commands, views, errors, clocks. Imports no other room."""
