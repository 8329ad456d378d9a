"""What stands between a site and its first call, in plain words: `dialer check`, `dialer rules check` and `explain`."""
