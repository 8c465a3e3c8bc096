"""The cloud: two stacks, one construct per file. Nothing here imports runtime code."""
