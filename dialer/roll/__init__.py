"""Electoral rolls: read and import exports in many formats, and generate synthetic rolls."""
