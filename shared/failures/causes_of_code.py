"""Causes in the code, its build, its container and its start.

How tools word a cause stands in ``signs``.
"""

from shared.failures.models import UNKNOWN, Cause

CAUSES = (
    # Code
    Cause(
        "module-not-found",
        "The code imports a module that does not exist here.",
        (
            "Check the path and that the file is committed",
            "Add the package to the dependencies and commit the lockfile",
        ),
    ),
    Cause(
        "import-case-mismatch",
        "An import does not match the file's name: Linux tells capital letters apart.",
        ("Write the import exactly like the file name", 'Rename the file with "git mv"'),
    ),
    Cause(
        "export-not-found",
        "The code imports a name that the module does not export.",
        ("Export it by that name", "Correct the import: a default export has no braces"),
    ),
    Cause(
        "esm-cjs-mismatch",
        "ES modules and CommonJS are mixed.",
        (
            'Use "import" and set "type": "module" in package.json',
            "Or install a version of the package that has a CommonJS form",
        ),
    ),
    Cause(
        "syntax-error",
        "A file has a syntax error.",
        ("Correct the file at the line named",),
    ),
    Cause(
        "template-error",
        "A template or component is not valid.",
        ("Correct the template at the place named",),
    ),
    Cause(
        "typescript-error",
        "TypeScript found errors.",
        (
            "Correct the types at the lines named",
            'Run "npx tsc --noEmit" on your machine before you push',
        ),
    ),
    Cause(
        "tsconfig-error",
        "The TypeScript configuration does not work.",
        ("Correct tsconfig.json",),
    ),
    Cause(
        "eslint-error",
        "ESLint found errors, and the build stops on them.",
        ("Correct the lines named", "Or do not let the build stop on them"),
    ),
    Cause(
        "top-level-await",
        "The code uses await at the top level, which the build target does not support.",
        ('Set the target to "es2022" or newer', "Move the await into an async function"),
    ),
    Cause(
        "graphql-error",
        "A GraphQL query asks for something the schema does not have.",
        ("Correct the query", "Check that the data source has the field"),
    ),
    Cause(
        "codegen-missing",
        "Code that is generated was not generated.",
        ("Run the generator in the build command, before the build",),
    ),
    # Bundlers and frameworks
    Cause(
        "loader-missing",
        "The bundler has no rule for a kind of file.",
        ("Install the loader or plugin for it and add it to the configuration",),
    ),
    Cause(
        "preprocessor-missing",
        "The preprocessor of a stylesheet or template is not installed.",
        ('Install it, e.g. "npm install -D sass-embedded", and commit',),
    ),
    Cause(
        "postcss-config",
        "The PostCSS or Tailwind configuration does not work.",
        (
            "Name installed plugins only in the PostCSS configuration",
            "With Tailwind CSS 4 use @tailwindcss/postcss or @tailwindcss/vite",
        ),
    ),
    Cause(
        "incompatible-versions",
        "Two packages were installed in versions that do not work together.",
        ("Upgrade both to versions made for each other", "Pin the older one and install again"),
    ),
    Cause(
        "budget-exceeded",
        "A bundle is larger than the limit set for it.",
        (
            "Load parts of the app lazily or remove large packages",
            "Raise the limit in the configuration",
        ),
    ),
    Cause(
        "adapter-missing",
        "The site is set to render on a server, but no adapter is installed.",
        ("Install the adapter of the framework", "Or set the output to static"),
    ),
    Cause(
        "dynamic-route-static-export",
        "A route is rendered on request, which a static export cannot do.",
        (
            "Tell the framework which pages to write",
            "Or deploy the project as a server",
        ),
    ),
    Cause(
        "browser-api-in-server-render",
        "A page uses something only browsers have while it is rendered on the server.",
        (
            "Run that code in the browser only, e.g. in useEffect or onMounted",
            "Leave the component out of server rendering",
        ),
    ),
    Cause(
        "server-client-boundary",
        "A server component uses something that only client components may.",
        (
            "Put \"'use client'\" in the first line of the file",
            "Move that part into a component of its own",
        ),
    ),
    Cause(
        "build-fetch-failed",
        "A page loads data while the site is built, and that failed.",
        (
            "Check that the address can be reached during the build",
            "Load the data on request",
        ),
    ),
    Cause(
        "broken-links",
        "The site has links to pages that do not exist.",
        ("Correct the link or add the page", "Or tell the framework to warn only"),
    ),
    # Python
    Cause(
        "python-version",
        "The project or a package asks for another Python version than the build has.",
        (
            "Select a Python version that fits in the project settings or in .python-version",
            "Ask for a version of the package that supports this Python",
        ),
    ),
    Cause(
        "python-dependency-conflict",
        "The Python packages ask for versions of each other that do not go together.",
        ("Remove one of the pins", "Upgrade the package that asks for the older version"),
    ),
    Cause(
        "wheel-build-failed",
        "A Python package had to be compiled, and that failed.",
        (
            "Use a version of the package that has a wheel for this Python",
            "Install the compiler and headers it needs in the build image",
        ),
    ),
    Cause(
        "settings-missing",
        "The settings of the app are not complete.",
        ("Set what is named in the settings",),
    ),
    Cause(
        "secret-key-missing",
        "The app has no secret key.",
        ("Add the key as a secret variable, for the build too",),
    ),
    Cause(
        "wrong-app-name",
        "The server does not find the app under the name it was given.",
        ("Correct MODULE:NAME in the start command",),
    ),
    # Go
    Cause(
        "go-mod-missing",
        "go.mod or go.sum does not have what the code needs.",
        ('Run "go mod tidy" and commit go.mod and go.sum', "Set the root folder of the project"),
    ),
    Cause(
        "go-version",
        "The code asks for a newer Go than the build has.",
        ("Select a newer Go in the project settings", 'Lower the "go" line in go.mod'),
    ),
    Cause("go-compile-error", "The Go code does not compile.", ("Correct the lines named",)),
    # Containers
    Cause(
        "dockerfile-parse",
        "The Dockerfile is not valid.",
        ("Correct the instruction that is named",),
    ),
    Cause(
        "docker-copy-missing",
        "The Dockerfile copies something that is not there.",
        (
            "Check the path, from the root folder of the build, and .dockerignore",
            "Build the folder inside the Dockerfile before COPY",
        ),
    ),
    Cause(
        "docker-image-not-found",
        "The base image could not be fetched.",
        ("Correct the name and tag in FROM", "Use a public image, or give access to the registry"),
    ),
    # Running apps
    Cause(
        "env-variable-missing",
        "A variable that the app needs is not set.",
        ("Add the variable to the project, for the build too if it is read there",),
    ),
    Cause(
        "port-in-use",
        "The port is already in use.",
        ("Start only one server", "Use the port in the variable PORT"),
    ),
    Cause(
        "port-variable-invalid",
        "The port is not a number.",
        ("Read the variable PORT, which the platform sets",),
    ),
    Cause(
        "port-variable-ignored",
        "The server does not listen on the port in the variable PORT, so no request reaches it.",
        ("Listen on 0.0.0.0 and on the port in the variable PORT",),
    ),
    Cause(
        "database-unreachable",
        "The app could not reach its database and stopped.",
        ("Set DATABASE_URL to the address of your database", "Attach a database to the project"),
    ),
    Cause(
        "unhandled-rejection",
        "A promise was rejected and no code handled it, so Node ended the process.",
        ("Await it in try/catch, or add a catch()",),
    ),
    Cause(
        "process-ended",
        "The command ended by itself without an error (exit code 0): no server was started.",
        (
            "Start a server that listens on the port in the variable PORT",
            "Set the start command to the file that starts the server",
        ),
    ),
    Cause(
        UNKNOWN,
        "The command failed for a reason that is not known here; these are its last errors.",
        ("Read the lines shown, and run the same command on your machine",),
    ),
)
