"""The ports, in terms of AWS: one adapter per file. Each is given its client; none makes one."""
