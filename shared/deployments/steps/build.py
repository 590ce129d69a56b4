"""``building``: from the source to what is published.

A source of plain files is its own output: nothing runs, and the build spec says so.
"""

from shared.deployments.outcomes import Claim, Next, Outcome


class Build:
    """The step of ``building``."""

    async def __call__(self, claim: Claim) -> Outcome:
        """Take the files as they are."""
        root = claim.row["source"]["root"]
        where = f"the folder {root}" if root else "its top folder"
        claim.log.write(f"Plain files: nothing to build, publishing {where} as it is")
        spec = {"framework": "html", "kind": "static", "output": root, "build": None}
        return Next("publishing", build_spec=spec)
