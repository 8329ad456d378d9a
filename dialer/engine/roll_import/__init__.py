"""Import of electoral rolls and number lists while calls go on."""
