"""Servers on this machine: the runner as a cluster.

``service`` is the daemon's part: it writes down what is wanted and sees to it that each workload
has a keeper. ``keeper`` is a process a workload that starts its ``replica``s in the sandbox, asks
for their health and tells how they stand; it outlives the daemon, so that requests are answered
while the runner restarts. ``ports`` gives addresses, ``spool`` and ``shipping`` carry log lines,
``tasks`` run a command once.
"""
