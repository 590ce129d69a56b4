"""Links of a site: dead ones on which documentation tools and prerenderers stop."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "broken-links",
        r"found broken (?:links|anchors)|[Bb]roken (?:link|anchor)s? (?:on|found|in)",
        r"\(!\) Found dead link (?P<target>\S+) in file (?P<page>\S+)|dead link\(?s?\)? found|"
        r"pages? contains? dead links",
        r"(?:Error: )?404 (?P<target>/\S*) \(linked from (?P<page>[^)]+)\)|\[404\] GET "
        r"(?P<target2>/\S*)",
        r"Aborted with \d+ (?:BrokenLinks? )?[Ww]arnings? in [Ss]trict mode|strict mode.*\d+ "
        r"(?:WARNING|warning)",
        r"contains an? (?:unrecognized relative )?link '(?P<target>[^']+)', but (?:the target|"
        r"there is no)",
        r"(?:WARNING|ERROR): (?:undefined label|unknown document|toctree contains reference to "
        r"nonexisting document|document isn't included in any toctree):? ?'?(?P<target>[^'\[]*)",
        r"Found [1-9]\d* (?:invalid|broken|dead) links? in|[1-9]\d* (?:invalid|broken|dead) "
        r"links? (?:was|were)? ?found",
        r"(?:Markdown|MDX) (?:link|image).*(?:couldn't|could not|can't|cannot) be resolved|"
        r"Couldn't resolve (?:link|reference)",
        r"REF_NOT_FOUND|warnings treated as errors, \d+ warnings?|Linked from (?P<page>/\S*)",
        r"(?:[Dd]ead|[Bb]roken|[Ii]nvalid) (?:internal )?(?:link|href|anchor|"
        r"reference)s?\b.*(?:[:→]|->)",
        title=(
            "The page {page} links to {target}, which does not exist.",
            "The site links to {target}, which does not exist.",
        ),
        near=(
            r"-> linking to (?P<target>\S+)",
            r"source page path = (?P<page>[^\s:]+)",
            r"\[404\] (?:GET )?(?:Page not found: )?(?P<target>/\S*)",
            r"Found dead link (?P<target>\S+) in file (?P<page>\S+)",
            r"Doc file '(?P<page>[^']+)' contains an? .*link '(?P<target>[^']+)'",
        ),
        tries=(
            "Correct the link in {page} or add the page",
            "Or let the framework only warn: onBrokenLinks, ignoreDeadLinks, handleHttpError, no "
            "--strict",
        ),
        reach=20,
        rank=Rank.CAUSE,
    ),
    sign(
        "broken-links",
        r"^(?:WARNING|WARN) +-? .*contains an? (?:unrecognized relative )?link '(?P<target>[^']+)'",
        when=r"Aborted with \d+ .*in [Ss]trict mode",
        near=r"Aborted with \d+",
        title="The site links to {target}, which does not exist.",
        warnings=True,
        rank=Rank.CAUSE + 1,
    ),
)
