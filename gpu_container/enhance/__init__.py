"""Frame enhancement: decode, stages, encode, in chunks that survive a lost machine."""
