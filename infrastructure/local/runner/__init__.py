"""The runner: builds (and later apps) as processes of this machine, where there is no cloud.

A daemon on a Unix socket keeps one keeper process a run; the keeper drives an executor, which
runs the commands in a sandbox of its own kind. State, log and output of a run are files, so they
outlive the daemon.
"""
