"""Hold, consult, merge and transfer: a call and the parties that its agent fetches."""
