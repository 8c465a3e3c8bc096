"""The simulated vendor inside the account; only this folder's code is in its function."""
