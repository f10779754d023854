"""What data reveal: pure statistical disclosure maths, without database, store or HTTP."""
