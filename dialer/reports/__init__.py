"""Tables and exports of what happened."""
