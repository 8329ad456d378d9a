"""The command-line interface of Matdan: the program `dialer` with its subcommands."""
