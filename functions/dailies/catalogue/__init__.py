"""Data: one JSON file per vendor, read by `dailies.domain.catalogue`."""
