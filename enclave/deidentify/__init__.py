"""Reading, classification, and the making of limited and de-identified data sets."""
