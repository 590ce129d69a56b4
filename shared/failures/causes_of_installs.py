"""Causes outside the code: machine, project files, package managers, commands.

How tools word a cause stands in ``signs``.
"""

from shared.failures.models import Cause

CAUSES = (
    # Memory, disk, time
    Cause(
        "out-of-memory",
        "The process ran out of its own memory limit.",
        (
            "Raise the limit with NODE_OPTIONS=--max-old-space-size=4096",
            "Raise the memory of the build or the instance",
            "Load large data at run time instead of importing it",
        ),
    ),
    Cause(
        "killed",
        "The process used more memory than the machine has, so the system ended it (SIGKILL).",
        (
            "Raise the memory of the build or the instance",
            "Lower the memory it needs, e.g. fewer workers or NODE_OPTIONS=--max-old-space-size",
        ),
    ),
    Cause(
        "disk-full",
        "The machine ran out of disk space.",
        (
            "Remove large packages and files you do not use",
            "Clear the build cache",
            "Raise the disk limit",
        ),
    ),
    Cause(
        "timeout",
        "The step did not end in time.",
        (
            "Check that the command ends by itself: no watch mode, no development server",
            "Check the services that it waits for",
            "Raise the time limit",
        ),
    ),
    # What a project says of itself
    Cause(
        "missing-script",
        "package.json has no such script.",
        ('Add it to "scripts" in package.json', "Correct the command in the project settings"),
    ),
    Cause(
        "manifest-missing",
        "The file that describes the project is not in its root folder.",
        ("Set the root folder of the project", "Commit the file"),
    ),
    Cause(
        "invalid-json",
        "A JSON file is not valid.",
        ("Correct the file: often a comma too many or a quote too few", "Remove comments from it"),
    ),
    Cause(
        "invalid-manifest",
        "The file that lists the dependencies is not valid.",
        ("Correct the line that is named",),
    ),
    Cause(
        "workspace-not-found",
        "The repository has no such workspace.",
        (
            "Use the name in the package.json of the app",
            'Add its folder to "workspaces" in the root package.json',
        ),
    ),
    Cause(
        "package-folder-missing",
        "The project itself is to be installed, but its package folder is missing.",
        (
            "Install the dependencies only, e.g. with --no-root or --no-install-project",
            "Name the package's folder in pyproject.toml",
        ),
    ),
    # Package managers
    Cause(
        "lockfile-missing",
        "The install command needs a lockfile, and the repository has none.",
        (
            "Run the install on your machine and commit the lockfile",
            "Use an install command that needs none",
        ),
    ),
    Cause(
        "lockfile-out-of-step",
        "The lockfile does not match the list of dependencies.",
        (
            "Run the install on your machine and commit the lockfile",
            "Allow the install to change the lockfile",
        ),
    ),
    Cause(
        "lockfile-version",
        "The lockfile was written by another version of the package manager.",
        (
            'Set "packageManager" in package.json to the version you use',
            "Write the lockfile again with the version of the build",
        ),
    ),
    Cause(
        "package-manager-mismatch",
        "The project asks for another package manager than the command uses.",
        (
            "Use the project's package manager in the install command",
            'Change or remove "packageManager" in package.json',
        ),
    ),
    Cause(
        "package-not-found",
        "A package does not exist in the registry.",
        (
            "Check the spelling of its name",
            "If it is private, set its registry and a token",
        ),
    ),
    Cause(
        "version-not-found",
        "No version of a package matches what is asked for.",
        ("Choose a version that exists", "Correct the range"),
    ),
    Cause(
        "peer-dependency-conflict",
        "Packages ask for versions of each other that do not go together.",
        (
            "Use versions that support each other",
            'As a stopgap, add "legacy-peer-deps=true" to .npmrc',
        ),
    ),
    Cause(
        "integrity-mismatch",
        "A downloaded package does not have the checksum written in the lockfile.",
        (
            "Write the lockfile again and commit it",
            "Clear the build cache and deploy again",
        ),
    ),
    Cause(
        "private-package-401",
        "The registry refused a private package: no token, or one that may not read it.",
        (
            "Add the token as a secret variable that the install can read, and use it in .npmrc "
            "or pip's settings",
            "Check that the token has not expired and may read the package",
        ),
    ),
    Cause(
        "network-unreachable",
        "A host could not be reached.",
        ("Correct its address", "Deploy again: it may be a passing fault"),
    ),
    Cause(
        "git-dependency",
        "A dependency is fetched with git, and that failed.",
        (
            "Use a published version of the package instead of a git address",
            "Give the build read access, e.g. with a token from a secret variable in the address",
        ),
    ),
    Cause(
        "postinstall-failed",
        "The install script of a package ended with an error.",
        (
            "Correct what the script reports",
            "Install with --ignore-scripts if the script is not needed",
        ),
    ),
    Cause(
        "native-module-build-failed",
        "A package has native code that does not compile here.",
        (
            "Use a newer version of the package, which may bring a compiled form",
            "Select the Node version the package was made for",
        ),
    ),
    Cause(
        "platform-mismatch",
        "A package or image is made for another operating system or processor.",
        (
            "Delete node_modules and the lockfile, install again and commit the lockfile",
            'Move packages of one system to "optionalDependencies"',
        ),
    ),
    Cause(
        "node-too-old",
        "The project or a package asks for another Node version than the build has.",
        (
            "Select a Node version that fits in the project settings or in .nvmrc",
            'Relax "engines.node" in package.json',
        ),
    ),
    Cause(
        "openssl-legacy",
        "webpack 4 hashes in a way that does not work with Node 17 or newer.",
        (
            "Upgrade to webpack 5, e.g. react-scripts 5 or Vue CLI 5",
            "Set NODE_OPTIONS=--openssl-legacy-provider for the build",
        ),
    ),
    # Commands and files
    Cause(
        "command-not-found",
        "A command is not installed.",
        (
            "Add the package that brings it to the dependencies",
            "Do not leave out the development dependencies: no NODE_ENV=production for the install",
        ),
    ),
    Cause(
        "permission-denied",
        "A file may not be run, read or written.",
        (
            'Run "git update-index --chmod=+x FILE" and commit',
            "Call a script by its interpreter, e.g. with bash",
        ),
    ),
    Cause(
        "output-folder-missing",
        "The output folder is not where it is looked for.",
        ("Set the output folder to the one the build writes", "Check that the build ran before"),
    ),
)
