"""The local stack: every service of AstroCloud on one machine, from wheels and npm packages.

``./dev`` hands over to ``python -m infrastructure.local``. Nothing here runs on Azure.
"""
