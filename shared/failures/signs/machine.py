"""Memory, disk and time: what breaks any tool, and what exit codes alone tell."""

from shared.failures.models import Rank, sign

_WATCH = (
    r"(?i)^(?:\[?\w*\]?:? ?)?(?:\[[^\]]*\] )?(?:watching (?:for|files)|waiting for (?:file "
    r")?changes"
    r"|watching for file changes|bundles? .* watching|\[watch\] build finished|watch(?:ing)? mode"
    r"|compilation complete\. watching|.*watching for changes|no errors found\. watching)"
    r"|Found \d+ errors?\. Watching for file changes"
)
_DEVELOPMENT = r"(?i)vite v\S+ +(?:dev server|ready)|^VITE v\S+ +ready|webpack-dev-server|➜ +Local:"

SIGNS = (
    sign(
        "out-of-memory",
        r"(?:Reached heap limit|near heap limit|CALL_AND_RETRY_LAST|heap limit|invalid (?:array|"
        r"table)"
        r" (?:length|size)).*Allocation failed",
        r"FATAL ERROR:.*(?:heap out of memory|Allocation failed)|JavaScript heap out of memory",
        r"ERR_WORKER_OUT_OF_MEMORY|JS heap out of memory|terminated due to reaching memory limit",
        r"^RangeError: (?:Array buffer allocation failed|WebAssembly\.\w+\(\): .*[Oo]ut of memory)",
        title=(
            "Node ran out of its memory limit ({limit} MB).",
            "Node ran out of its memory limit.",
        ),
        near=r"Mark-[Cc]ompact.*?\((?P<limit>\d+)\.\d+\) ->",
        tries=(
            "Raise the limit with NODE_OPTIONS=--max-old-space-size=4096",
            "Raise the memory of the build or the instance",
            "Load large data at run time instead of importing it",
        ),
        rank=Rank.MACHINE,
        warnings=True,
    ),
    sign(
        "out-of-memory",
        r"^(?:[\w.]+\.)?MemoryError\b",
        r"fatal error: runtime: out of memory|runtime: cannot allocate memory",
        r"(?:std::bad_alloc|memory allocation of \d+ bytes failed|virtual memory exhausted)",
        r"(?i)ENOMEM|cannot allocate memory|\bout of memory\b(?!.*kill)",
        title="The process ran out of memory.",
        rank=Rank.MACHINE - 2,
        unless=r"(?i)process exited too early|Worker .* was sent SIGKILL",
    ),
    sign(
        "out-of-memory",
        title="The process was ended (SIGABRT), which Node does when its memory is used up.",
        exits=(134,),
        rank=Rank.EXIT_CODE,
    ),
    sign(
        "killed",
        r"^(?:.*\bline \d+: +\d+ )?Killed\b",
        r"The build failed because the process exited too early",
        r"(?i)\bsignal:? (?:9\b|SIGKILL|killed)|\bkilled \(?(?:signal )?9\)?|was (?:sent|killed "
        r"with) SIGKILL",
        r"(?i)exit(?:ed)?(?: with)? (?:code|status):? 137\b|oom-?kill|OOMKilled|code 137\b",
        r"^Exited? 137$|Perhaps out of memory\?",
        rank=Rank.KILLED,
        warnings=True,
    ),
    sign("killed", exits=(137,), rank=Rank.EXIT_CODE, unless=_WATCH),
    sign(
        "disk-full",
        r"(?i)\bENOSPC\b(?!.*file watchers)|no space left on device|disk quota exceeded|EDQUOT",
        r"(?i)not enough (?:free )?(?:disk )?space|there is not enough space on the disk",
        near=r"npm (?:ERR!|error) (?:nospc|code) .*ENOSPC|\[Errno 28\]",
        reach=4_000,
        rank=Rank.MACHINE - 1,
        warnings=True,
        last=True,
    ),
    sign("disk-full", exits=(228,), rank=Rank.EXIT_CODE),
    sign(
        "timeout",
        r"(?i)is still timing out after \d+ attempts",
        r"(?i)static page generation for (?P<page>\S+) is still timing out",
        r"(?i)(?:build|job|step|command|deployment|execution) (?:has )?(?:exceeded|timed out|took "
        r"longer)"
        r".*(?:time|limit|minutes|seconds)|exceeded the maximum (?:execution|build) time",
        r"(?i)maximum (?:execution|build) time (?:of .* )?(?:exceeded|reached)|build timed out",
        title="Building a page took longer than its limit, several times.",
        tries=(
            "Check the service the page loads its data from",
            "Raise staticPageGenerationTimeout in the configuration",
            'Render the page on request: export const dynamic = "force-dynamic"',
        ),
        near=r"because it took more than \d+ seconds",
        rank=Rank.ROOT,
    ),
    sign(
        "timeout",
        r"TimeoutError: (?:Navigation|Waiting|Timed out|page\.).*\d+ ?ms",
        r"\[CRITICAL\] WORKER TIMEOUT|Worker failed to boot in time",
        r"(?i)\bcanceling (?:statement|build) due to .*time ?out|operation (?:was )?timed out "
        r"after",
        r"context deadline exceeded",
        rank=Rank.WRAPPER,
    ),
    sign(
        "timeout",
        _WATCH,
        title="The command never ended: it watches for changes.",
        tries=("Remove --watch from the script", "Set the build command to one that ends"),
        exits=(124, 137, 142, 143, 130, 15),
        unless=r"Watching for file changes with \w*Reloader",
        rank=Rank.WRAPPER,
        last=True,
    ),
    sign(
        "timeout",
        _DEVELOPMENT,
        title="The command never ended: it starts a development server.",
        tries=("Set the build command to the framework's build, e.g. vite build",),
        exits=(124, 142, 143),
        phases=("build",),
        rank=Rank.WRAPPER - 1,
    ),
    sign("timeout", exits=(124, 142, 143), rank=Rank.EXIT_CODE - 1),
)
