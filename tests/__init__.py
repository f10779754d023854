"""The tests: a package, because a library installs a package of this name too."""
