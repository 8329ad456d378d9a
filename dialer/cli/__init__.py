"""Every command of `dialer`, and nothing else."""
