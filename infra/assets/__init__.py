"""Code that is deployed as it is, and is no part of the product's package."""
