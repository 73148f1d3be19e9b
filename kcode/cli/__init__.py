"""The program that is typed: one file a subcommand."""
