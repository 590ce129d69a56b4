"""The servers: what a new user of each framework has, deployed as it is, and how it is changed.

Those with a creator are what it leaves. The others are written by hand after the first page of the
framework's own documentation: they lie in ``written/server-<name>``. ``edits`` are the change
that a second deployment has to show.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.frameworks.starters.catalogue import NAME, Starter, npx


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a file: the text that is replaced, and by which."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarter(Starter):
    """One server; ``shows`` is part of its first page, ``shows_next`` of the one after the edit."""

    edits: tuple[Edit, ...]
    shows_next: str
    # Only an image can be made of it: the runner's processes have no toolchain for it.
    needs_image: bool = False


EXPRESS = "express-generator@4.16.1"
NEST = "@nestjs/cli@12.0.8"
NEXT = "create-next-app@16.4.3"

NODE_SERVERS = (
    ServerStarter(
        name="server-node",
        framework="node",
        creator="by hand",
        shows="Hello World",
        edits=(Edit(file="server.js", old="Hello World", new="Hello again"),),
        shows_next="Hello again",
        note="the first page of nodejs.org's guide, with `PORT`",
    ),
    ServerStarter(
        name="server-express",
        framework="express",
        creator=EXPRESS,
        package="express",
        commands=(npx(EXPRESS, NAME),),
        shows="Welcome to Express",
        edits=(Edit(file="routes/index.js", old="title: 'Express'", new="title: 'Again'"),),
        shows_next="Welcome to Again",
    ),
    ServerStarter(
        name="server-fastify",
        framework="fastify",
        creator="fastify-cli@8.0.2",
        package="fastify",
        commands=(npx("fastify-cli@8.0.2", "generate", NAME),),
        shows='{"root":true}',
        edits=(Edit(file="routes/root.js", old="root: true", new="root: false"),),
        shows_next='{"root":false}',
    ),
    ServerStarter(
        name="server-nestjs",
        framework="nestjs",
        creator=NEST,
        package="@nestjs/core",
        commands=(npx(NEST, "new", NAME, "--skip-git", "--skip-install", "-p", "npm"),),
        shows="Hello World!",
        edits=(Edit(file="src/app.service.ts", old="Hello World!", new="Hello again!"),),
        shows_next="Hello again!",
    ),
    ServerStarter(
        name="server-nextjs",
        framework="nextjs",
        creator=NEXT,
        package="next",
        commands=(
            npx(
                NEXT, NAME, "--yes", "--ts", "--app", "--empty",
                "--skip-install", "--disable-git", "--use-npm",
            ),
        ),
        shows="Hello world!",
        edits=(Edit(file="app/page.tsx", old="Hello world!", new="Hello again!"),),
        shows_next="Hello again!",
    ),
    ServerStarter(
        name="server-sveltekit",
        framework="sveltekit-1",
        creator="sv@0.17.1",
        package="@sveltejs/kit",
        commands=(
            npx(
                "sv@0.17.1", "create", NAME, "--template", "minimal", "--types", "ts",
                "--no-add-ons", "--no-install",
            ),
            npx("sv@0.17.1", "add", "sveltekit-adapter=adapter:node", "--no-install"),
        ),
        shows="Welcome to SvelteKit",
        edits=(Edit(file="src/routes/+page.svelte", old="Welcome to", new="Hello again,"),),
        shows_next="Hello again, SvelteKit",
        note="with adapter-node",
    ),
    ServerStarter(
        name="server-koa",
        framework="koa",
        creator="by hand",
        package="koa",
        shows="Hello Koa",
        edits=(Edit(file="app.js", old="Hello Koa", new="Hello again"),),
        shows_next="Hello again",
        note="there is no creator",
    ),
    ServerStarter(
        name="server-hono",
        framework="hono",
        creator="by hand",
        package="hono",
        shows="Hello Hono!",
        edits=(Edit(file="src/index.ts", old="Hello Hono!", new="Hello again!"),),
        shows_next="Hello again!",
        note="its creator takes templates from GitHub",
    ),
)  # fmt: skip

# As the documentation of frameworks has it.
DJANGO_URL = """\
import os
from urllib.parse import urlsplit

DEBUG = "ASTROCLOUD_URL" not in os.environ
URL = os.environ.get("ASTROCLOUD_URL", "http://localhost:8000")
HOST = urlsplit(URL).hostname"""
DJANGO_HOSTS = """\
ALLOWED_HOSTS = [HOST, "." + HOST.partition(".")[2]] if "." in HOST else [HOST]
CSRF_TRUSTED_ORIGINS = [URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")"""

PYTHON_SERVERS = (
    ServerStarter(
        name="server-fastapi",
        framework="fastapi",
        creator="by hand",
        package="fastapi",
        shows='{"Hello":"World"}',
        edits=(Edit(file="main.py", old='"World"', new='"again"'),),
        shows_next='{"Hello":"again"}',
        note="there is no creator",
    ),
    ServerStarter(
        name="server-flask",
        framework="flask",
        creator="by hand",
        package="flask",
        shows="<p>Hello, World!</p>",
        edits=(Edit(file="app.py", old="World", new="again"),),
        shows_next="<p>Hello, again!</p>",
        note="there is no creator; without a server among its packages",
    ),
    ServerStarter(
        name="server-django",
        framework="django",
        creator="django==5.2.19",
        package="django",
        commands=(("python", "-m", "django", "startproject", "mysite", "."),),
        inside=True,
        python=True,
        shows="The install worked successfully!",
        edits=(
            Edit(
                file="mysite/settings.py",
                old="DEBUG = True",
                new=DJANGO_URL,
            ),
            Edit(
                file="mysite/settings.py",
                old="ALLOWED_HOSTS = []",
                new=DJANGO_HOSTS,
            ),
            Edit(
                file="mysite/urls.py",
                old="path('admin/', admin.site.urls),",
                new="path('', lambda request: HttpResponse('Hello again')),",
            ),
            Edit(
                file="mysite/urls.py",
                old="from django.contrib import admin",
                new="from django.http import HttpResponse",
            ),
        ),
        shows_next="Hello again",
        note="with `requirements.txt`; its change leaves `DEBUG` and sets `ALLOWED_HOSTS`",
    ),
)

OTHER_SERVERS = (
    ServerStarter(
        name="server-go",
        framework="go",
        creator="by hand",
        shows="Hello, Go!",
        edits=(Edit(file="main.go", old="Hello, Go!", new="Hello again!"),),
        shows_next="Hello again!",
        needs_image=True,
        note=(
            "the runner's processes have no Go; on Kubernetes a `Dockerfile` takes a program that"
            " was built before, since the tests' registry has no `golang`"
        ),
    ),
    ServerStarter(
        name="server-dockerfile",
        framework="dockerfile",
        creator="by hand",
        shows="Hello from a Dockerfile",
        edits=(Edit(file="server.js", old="Hello from a Dockerfile", new="Hello again"),),
        shows_next="Hello again",
        needs_image=True,
        note="after Docker's guide for Node; images need containers",
    ),
)

SERVERS: tuple[ServerStarter, ...] = (*NODE_SERVERS, *PYTHON_SERVERS, *OTHER_SERVERS)
BY_NAME: Mapping[str, ServerStarter] = {server.name: server for server in SERVERS}
