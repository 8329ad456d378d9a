"""IVR flows of calls: which flow a call runs, what the flow knows about the voter, and the answers that it records."""
