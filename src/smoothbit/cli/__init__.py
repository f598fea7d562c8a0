"""Command line: each command is a file of its own, imported only when it runs."""
