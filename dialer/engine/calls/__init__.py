"""Live calls: state, outcome and stored results, and reconciliation with the switch after a restart."""
