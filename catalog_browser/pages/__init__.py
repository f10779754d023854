"""Pages of the catalogue, and of the stewards who keep it."""
