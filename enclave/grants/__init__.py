"""What was granted to whom until when, and the one function that says whether it holds now."""
