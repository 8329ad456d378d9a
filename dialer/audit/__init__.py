"""The audit: what people did that must be answered for later, in a chain that shows any change."""
