"""What can be wrong with an Asterisk configuration, by subject. Pure: files in, findings out."""
