"""Dockerfiles: buildah, podman, Docker and BuildKit; what a RUN step says stands elsewhere."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "dockerfile-parse",
        r"(?i)unknown instruction:? \"?(?P<instruction>[^\s\"(&]+)",
        r"(?i)dockerfile parse error(?: on)? line (?P<line>\d+)|failed to create LLB definition: "
        r"dockerfile parse|error parsing (?:Docker|Container)file",
        r"no FROM statement found|no build stage in current context|no instructions? (?:found|in)|"
        r"file with no instructions",
        r"(?:FROM|COPY|ADD|RUN|ENV|EXPOSE|WORKDIR|ARG|CMD|ENTRYPOINT|USER|HEALTHCHECK) requires "
        r"(?:at least |exactly |either )?(?:one|two|\d+)",
        r"[Uu]nknown flag: --?(?P<flag>\w+)|the Dockerfile cannot be empty|base name \(\S*\) "
        r"should not be blank|target stage \"?(?P<stage>\w+)\"? could not be found",
        r"[Ss]yntax error - can't find = in|unterminated heredoc|invalid (?:containerPort|EXPOSE|"
        r"ONBUILD|reference format)|failed to process \"",
        title=(
            'The Dockerfile has an unknown instruction "{instruction}".',
            "The Dockerfile is not valid on line {line}.",
            'The Dockerfile has an unknown flag "--{flag}".',
            "The Dockerfile has no FROM before its first instruction, or is not valid.",
        ),
        near=r"^(?:Containerfile|Dockerfile):(?P<line>\d+)",
        tries=(
            'Correct the instruction "{instruction}"',
            "Correct line {line} of the Dockerfile",
            'Begin the Dockerfile with FROM, e.g. "FROM node:22"',
        ),
        reach=8,
        rank=Rank.SPECIFIC,
        when=r"(?i)docker|buildah|FROM|COPY|STEP|container|instruction|stage|LLB",
    ),
    sign(
        "docker-copy-missing",
        r"no items matching glob \"(?P<path>[^\"]+)\" copied",
        r"failed to (?:calculate checksum of ref|compute cache key|"
        r"walk).*\"?(?P<path>/[^\":]*)\"?: (?:not found|no such file)",
        r"(?:COPY|ADD) failed: (?:file not found in build context|stat \S+|no source files were "
        r"specified|forbidden path)",
        r"building at STEP \"(?:COPY|ADD) (?P<path>[^\"]+)\":.*(?:no such file|not found|checking "
        r"on sources)",
        r"(?:copier: (?:get|stat)|lstat|stat) \S*: no such file or directory.*(?:COPY|ADD|copy)|"
        r"(?:COPY|ADD) .*(?:not found in build context|excluded by \.dockerignore|no such file or "
        r"directory)",
        r"checking on sources under \"[^\"]*\": .*no such file|^(?:ERROR: )?\"(?P<path>/[^\"]+)\" "
        r"not found: not found|could not find .*in the build context",
        title=(
            "The Dockerfile copies {path}, which is not there or left out by .dockerignore.",
            "The Dockerfile copies something that is not there.",
        ),
        tries=(
            "Check {path} and .dockerignore; paths start at the root folder of the build",
            "Build the folder inside the Dockerfile before COPY",
        ),
        rank=Rank.ROOT,
    ),
    sign(
        "docker-image-not-found",
        r"initializing source docker://(?P<image>\S+?): ",
        r"(?:pull access denied(?: for (?P<image>[^\s,]+))?|manifest (?:for (?P<image2>\S+) not "
        r"found|unknown|invalid)|repository does not exist or may require)",
        r"failed to resolve source metadata for (?P<image>\S+?): |(?P<image2>[\w./-]+:[\w.-]+): "
        r"(?:not found|failed to (?:resolve|do request)|pull access denied|failed to authorize)$",
        r"pinging container registry (?P<image>\S+):|(?:error|unable|failed) (?:to )?(?:pulling|"
        r"pull) image \"?(?P<image2>[^\s\"]+)",
        r"short-name \"(?P<image>[^\"]+)\" did not resolve|toomanyrequests: |(?:reading manifest "
        r"\S+ in |requested access to the resource is denied|invalid from flag value)",
        r"failed to (?:fetch anonymous token|authorize)|unauthorized: (?:authentication required|"
        r"access to the)|no (?:stage or )?image found with that name|Error: (?:creating build "
        r"container|unable to copy from source)",
        title=(
            "The base image {image} could not be fetched.",
            "The base image could not be fetched.",
        ),
        near=r"(?:FROM|load metadata for|Trying to pull) (?P<image>[\w./:@-]+?)(?:\.\.\.|\s|$)",
        tries=(
            'Correct the name and tag "{image}" in FROM',
            "Use a public image, or give access to the registry",
        ),
        rank=Rank.ROOT - 1,
        unless=r"no match for platform in manifest|does not match the specified platform",
    ),
)
