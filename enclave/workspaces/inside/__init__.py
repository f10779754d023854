"""Files that run inside the sandbox: standard library and Jupyter only, nothing of the product's server."""
