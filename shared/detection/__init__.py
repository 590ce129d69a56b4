"""Looks at a source and says how it is built and run: the build spec, with a reason a value.

Everything here is pure: it reads a tree of files and never runs, installs or fetches anything.
"""
