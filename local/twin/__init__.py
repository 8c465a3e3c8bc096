"""The whole cloud on a laptop: emulator, simulators, the real stacks, one local port."""
