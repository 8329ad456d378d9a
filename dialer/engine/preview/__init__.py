"""Preview and manual calls, dialled when the agent asks for them."""
