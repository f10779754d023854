"""The catalogue: data sets, their versions and variables, described in Chinese and English."""
