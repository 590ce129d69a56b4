"""Where a deployment's files come from: Git repositories, archives, and the way out to them.

``guard`` makes every request to an address that a user named, ``git`` fetches a revision as an
archive, ``trees`` looks into archives. Staging and deployments are not known here.
"""
