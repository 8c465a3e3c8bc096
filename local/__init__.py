"""The laptop as the cloud: the local AWS, the vendors' simulators and what starts them."""
