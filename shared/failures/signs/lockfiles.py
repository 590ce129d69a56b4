"""Lockfiles of all package managers, and which of these a project asks for."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "lockfile-out-of-step",
        r"can only install packages (?:when|with an? existing).*in sync",
        r"(?P<what>Missing|Invalid): (?:lock file's )?(?P<module>@?[\w./-]+)@\S+.*lock ?file",
        r"ERR_PNPM_OUTDATED_LOCKFILE|ERR_PNPM_LOCKFILE_CONFIG_MISMATCH",
        r"lockfile needs to be updated",
        r"YN0028:.*(?:would have been modified)",
        r"lockfile had changes, but lockfile is frozen",
        r"changed significantly since (?P<file>poetry\.lock) was last generated",
        r"(?P<file>poetry\.lock) is not up to date with pyproject\.toml",
        r"lockfile at [`\"]?(?P<file>uv\.lock)[`\"]? (?:needs to be updated|is outdated)",
        r"The lockfile .*needs to be updated, but `--(?:locked|frozen)`",
        r"Your (?P<file>Pipfile\.lock) \([^)]*\) is out of date",
        r"(?:This package|The lockfile) doesn't seem to be present in your lockfile",
        r"(?:specifiers|importers) in the lockfile .*don't match",
        r"inconsistent vendoring in",
        r"conflicting lock|lock file (?:is|was) (?:out of (?:date|sync)|not up to date)",
        title=(
            "{file} does not match the list of dependencies.",
            "package-lock.json does not match package.json: {module} and others were changed "
            "without it.",
            "The lockfile does not match package.json: a dependency was changed without updating "
            "it.",
        ),
        tries=(
            "Run the install on your machine and commit the lockfile",
            "Allow the install to change the lockfile",
        ),
        near=(
            r"(?:Missing|Invalid): (?:lock file's )?(?P<module>@?[\w./-]+)@\S+.*lock ?file",
            r"don't match specifiers in package\.json",
            r"YN0028: (?:│ )?[+-]",
        ),
        most=3,
        rank=Rank.SPECIFIC,
    ),
    sign(
        "lockfile-missing",
        r"can only install with an existing package-lock\.json",
        r"ERR_PNPM_NO_LOCKFILE",
        r"lockfile would have been created by this install",
        r"Unable to find lockfile at|(?P<file>Pipfile\.lock|poetry\.lock) not found|No (?:lock "
        r"?file|Pipfile\.lock) (?:was )?found",
        r"(?:lockfile|lock file) (?:is )?(?:absent|missing|not found|does not exist)",
        r"Dependencies lock file is not found|Some specified paths were not resolved, unable to "
        r"cache",
        title=(
            "The install command needs {file}, and the repository has none.",
            "The install command needs a lockfile, and the repository has none.",
        ),
        rank=Rank.CAUSE + 2,
        unless=r"info No lockfile found",
    ),
    sign(
        "lockfile-version",
        r"Ignoring not compatible lockfile at (?P<file>\S+)",
        r"ERR_PNPM_LOCKFILE_BREAKING_CHANGE|ERR_PNPM_BROKEN_LOCKFILE",
        r"lock ?file (?:is not compatible with|was (?:generated|created|written) (?:by|with) a "
        r"(?:newer|different|older))",
        r"(?:lock file|lockfile).*(?:not compatible with|unsupported|incompatible) .*(?:version|"
        r"Poetry|pnpm|Yarn|npm|bun)",
        r"(?:Unknown|Outdated|Unsupported) lockfile version|InvalidLockfileVersion|failed to "
        r"(?:load|parse) lockfile",
        r"Invalid value type \d+:\d+ in .*yarn\.lock|(?:Unknown token|Invalid).* in .*yarn\.lock|"
        r"error parsing lockfile",
        r"Failed to parse `uv\.lock`|Lockfile .* is corrupt",
        title=(
            "The lockfile was written by another version of the package manager than the build "
            "uses.",
        ),
        near=r"ERR_PNPM_NO_LOCKFILE|ERR_PNPM_FROZEN_LOCKFILE",
        rank=Rank.ROOT,
        warnings=True,
        # pnpm goes on without the lockfile where it may; then this was not it.
        installing=True,
    ),
    sign(
        "package-manager-mismatch",
        r"This project is configured to use (?P<wanted>\w+)",
        r"package\.json defines \"packageManager\": \"(?P<wanted>[^\"]+)\"",
        r"ERR_PNPM_(?:BAD_PM_VERSION|OTHER_PM_EXPECTED)",
        r"Use \"(?P<wanted>\w+) install\" (?:for installation )?(?:in|to install) ",
        r"(?i)please use (?P<wanted>pnpm|yarn|npm|bun) (?:to install|install|instead|as)",
        r"EBADDEVENGINES.*|Invalid name \"(?P<used>\w+)\" does not match \"(?P<wanted>\w+)\" for "
        r"\"packageManager\"",
        r"Unsupported URL Type \"?(?P<protocol>workspace|catalog|patch|portal|link):",
        r"EUNSUPPORTEDPROTOCOL",
        r"Cannot find matching keyid|packageManager\" (?:field|property).*(?:invalid|not)",
        r"(?:The remote server failed to provide|Failed to switch) .*(?:corepack|package manager)",
        r"Your package\.json requires (?P<wanted>\w+) to be used|expected the package manager to "
        r"be (?P<wanted2>\w+)",
        title=(
            'package.json uses "{protocol}:", which the package manager of the command does not '
            "know.",
            "The project is set to {wanted}, but the command uses another package manager or "
            "version.",
        ),
        tries=(
            'Use "{wanted}" for the install command',
            'Change or remove "packageManager" in package.json',
        ),
        rank=Rank.ROOT,
    ),
)
