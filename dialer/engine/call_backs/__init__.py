"""Call-backs that agents have promised to make themselves."""
