"""The commands of `dialer` that have no room of their own: each reads its options, asks the rooms, and says what came out."""
