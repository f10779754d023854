"""The demonstration: accounts, data, and the main job driven through the same doors people use."""
