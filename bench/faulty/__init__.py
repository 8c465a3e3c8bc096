"""A stage in which everything outside fails now and then: simulators, ledger, Lambda, network."""
