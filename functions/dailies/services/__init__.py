"""What the product does, one verb per file. Orchestrates ports; knows no AWS and no HTTP."""
