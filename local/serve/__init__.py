"""The twin, kept up until Ctrl-C."""
