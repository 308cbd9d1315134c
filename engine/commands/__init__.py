"""The subcommands of the `lungbox` command, one file each."""
