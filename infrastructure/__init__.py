"""What runs and ships the project: the local stack, the gateway, packaging and cloud templates.

No code here is part of a deployed function app: ``functions`` and ``shared`` never import it.
"""
