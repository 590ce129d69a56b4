"""The starters: what a new user of each framework has after its first commands, and what it shows.

Declared here: how each is made, what detection has to find, and what a visitor has to get. Where a
creator takes its templates from where tests do not reach, or where there is none, the project is
written by hand after the first page of the framework's own documentation: it lies in ``written``.
A folder there of a starter with a creator holds what its user adds to publish it as files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

NAME = "my-app"
Manager = Literal["npm", "pnpm", "yarn", "bun"]
FALLBACK = "/some/deep/link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One starter.

    ``commands`` make the folder ``my-app``; the first one runs beside it, unless ``inside``, the
    others in it. ``answers`` (even none) means that the creator asks: each question gets Enter, or
    the answer whose key stands in it. ``unpack`` is a folder of an npm package that is the starter.
    """

    name: str
    framework: str
    creator: str
    # The package whose version the table shows, where it is not the creator's.
    package: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    inside: bool = False
    answers: Mapping[str, str] | None = None
    unpack: tuple[str, str] | None = None
    python: bool = False
    manager: Manager = "npm"
    # Versions that package.json holds fast by "overrides", where a newer one cannot be had whole.
    pins: Mapping[str, str] | None = None
    # Without: the optional packages of other systems cannot all be had, so `npm ci` would refuse.
    has_lock: bool = True
    # Text on the first page as it is seen, and on the page behind the deep link.
    shows: str
    deep: str = FALLBACK
    deep_shows: str = ""
    # A path of the first page's assets, as a regular expression; none: no name tells its content.
    immutable: str | None = None
    note: str = ""

    @property
    def recipe(self) -> tuple[object, ...]:
        """All that decides what is made."""
        made = (self.creator, self.commands, self.unpack, self.answers, self.inside)
        return (*made, self.manager, self.pins, self.has_lock)


def npx(creator: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a creator."""
    return ("npx", "--yes", creator, *arguments)


def _vite(
    template: str, manager: Manager = "npm", version: str = "9.3.0", note: str = ""
) -> Starter:
    creator = f"create-vite@{version}"
    return Starter(
        name=f"vite-{template}",
        framework="vite",
        creator=creator,
        package="vite",
        commands=(npx(creator, NAME, "--template", template, "--no-interactive"),),
        manager=manager,
        shows="Count is 0" if version == "9.3.0" else "count is 0",
        note=note,
        immutable=r"^/assets/index-.+\.(js|css)$",
    )


_QWIK = "Qwik 1.20.1 does not go with the Vite 8 of later templates"
VITE = (
    _vite("vanilla"),
    _vite("vanilla-ts"),
    _vite("vue", manager="yarn"),
    _vite("vue-ts"),
    _vite("react"),
    _vite("react-ts", manager="pnpm"),
    _vite("react-compiler"),
    _vite("react-compiler-ts"),
    _vite("preact"),
    _vite("preact-ts", manager="bun"),
    _vite("lit"),
    _vite("lit-ts"),
    _vite("svelte"),
    _vite("svelte-ts"),
    _vite("solid"),
    _vite("solid-ts"),
    _vite("qwik", version="8.3.0", note=_QWIK),
    _vite("qwik-ts", version="8.3.0", note=_QWIK),
)

APPS = (
    Starter(
        name="create-react-app",
        framework="create-react-app",
        creator="create-react-app@5.1.0",
        package="react-scripts",
        commands=(npx("create-react-app@5.1.0", NAME),),
        shows="Learn React",
        immutable=r"^/static/js/main\.[0-9a-f]{8}\.js$",
    ),
    Starter(
        name="vue-cli",
        framework="vue",
        creator="@vue/cli@5.0.9",
        package="@vue/cli-service",
        commands=(npx("@vue/cli@5.0.9", "create", NAME, "--default", "--no-git", "-m", "npm"),),
        shows="Welcome to Your Vue.js App",
        immutable=r"^/js/app\.[0-9a-f]{8}\.js$",
    ),
    Starter(
        name="create-vue",
        framework="vite",
        creator="create-vue@3.24.0",
        package="vite",
        commands=(npx("create-vue@3.24.0", NAME, "--ts", "--router"),),
        shows="You did it!",
        deep="/about",
        deep_shows="This is an about page",
        immutable=r"^/assets/index-.+\.js$",
    ),
    Starter(
        name="create-preact",
        framework="vite",
        creator="create-preact@0.5.3",
        package="vite",
        commands=(npx("create-preact@0.5.3", NAME),),
        answers={},
        shows="Get Started building Vite-powered Preact Apps",
        immutable=r"^/assets/index-.+\.js$",
    ),
    Starter(
        name="rsbuild",
        framework="rsbuild",
        creator="create-rsbuild@2.2.5",
        package="@rsbuild/core",
        commands=(npx("create-rsbuild@2.2.5", "--dir", NAME, "--template", "react-ts"),),
        shows="Start building amazing things with Rsbuild",
        immutable=r"^/static/js/index\..+\.js$",
    ),
    Starter(
        name="angular",
        framework="angular",
        creator="@angular/cli@22.2.7",
        commands=(
            npx("@angular/cli@22.2.7", "new", NAME, "--defaults", "--skip-git", "--skip-install"),
        ),
        shows="Hello, my-app",
        deep="/about",
        deep_shows="Second page",
        immutable=r"^/main-[A-Z0-9]{8}\.js$",
        note="with a second page",
    ),
    Starter(
        name="ember",
        framework="ember",
        creator="ember-cli@7.2.0",
        commands=(npx("ember-cli@7.2.0", "new", NAME, "--skip-git", "--skip-npm"),),
        pins={"@glimmer/syntax": "0.94.9"},
        shows="Congratulations",
        deep="/about",
        deep_shows="Second page",
        note="with a second page",
        immutable=r"^/assets/.+\.js$",
    ),
    Starter(
        name="parcel",
        framework="parcel",
        creator="by hand",
        package="parcel",
        shows="First page",
        immutable=r"^/.+\.[0-9a-f]{8}\.(js|css)$",
        note="its creator ends with an error of its own",
    ),
    Starter(
        name="storybook",
        framework="storybook",
        creator="create-storybook@10.6.2",
        package="storybook",
        commands=(
            npx("create-vite@9.3.0", NAME, "--template", "react-ts", "--no-interactive"),
            npx(
                "create-storybook@10.6.2",
                "--yes",
                "--no-dev",
                "--skip-install",
                "--features",
                "docs",
            ),
        ),
        shows="Configure your project",
        deep="/iframe.html",
        note="added to the React template of Vite; astrocloud.toml chooses it",
    ),
)

SITES = (
    Starter(
        name="nextjs",
        framework="nextjs",
        creator="create-next-app@16.4.3",
        package="next",
        commands=(
            npx(
                "create-next-app@16.4.3",
                NAME,
                "--yes",
                "--ts",
                "--app",
                "--skip-install",
                "--disable-git",
                "--use-npm",
            ),
        ),
        shows="To get started, edit the page.tsx file.",
        deep="/about",
        deep_shows="About",
        immutable=r"^/_next/static/.+\.js$",
        note="with output: export, a second page, and no fonts that the build would fetch",
    ),
    Starter(
        name="nuxt",
        framework="nuxtjs",
        creator="by hand",
        package="nuxt",
        shows="First page",
        deep="/about",
        deep_shows="Second page",
        immutable=r"^/_nuxt/.+\.js$",
        note="its creator takes templates from GitHub; built with nuxt generate",
    ),
    Starter(
        name="sveltekit",
        framework="sveltekit-1",
        creator="sv@0.17.1",
        package="@sveltejs/kit",
        commands=(
            npx(
                "sv@0.17.1",
                "create",
                NAME,
                "--template",
                "minimal",
                "--types",
                "ts",
                "--no-add-ons",
                "--no-install",
            ),
            npx("sv@0.17.1", "add", "sveltekit-adapter=adapter:static", "--no-install"),
        ),
        shows="Welcome to SvelteKit",
        deep="/about",
        deep_shows="About this site",
        immutable=r"^/_app/immutable/.+\.js$",
        note="with adapter-static and a second page",
    ),
    Starter(
        name="astro",
        framework="astro",
        creator="by hand",
        package="astro",
        shows="First page",
        deep="/about",
        deep_shows="Second page",
        immutable=r"^/_astro/.+$",
        note="its creator takes templates from GitHub",
    ),
    Starter(
        name="gatsby",
        framework="gatsby",
        creator="by hand",
        package="gatsby",
        shows="First page",
        deep="/about",
        deep_shows="Second page",
        immutable=r"^/app-[0-9a-f]{20}\.js$",
        note="its creator takes templates from GitHub",
    ),
    Starter(
        name="docusaurus",
        framework="docusaurus-2",
        creator="create-docusaurus@3.10.2",
        package="@docusaurus/core",
        commands=(
            npx(
                "create-docusaurus@3.10.2",
                NAME,
                "classic",
                "--javascript",
                "--skip-install",
                "--package-manager",
                "npm",
            ),
        ),
        has_lock=False,
        shows="Dinosaurs are cool",
        deep="/docs/intro",
        deep_shows="Tutorial Intro",
        immutable=r"^/assets/js/main\.[0-9a-f]{8}\.js$",
    ),
    Starter(
        name="vitepress",
        framework="vitepress",
        creator="vitepress@1.6.4",
        package="vitepress",
        commands=(
            ("npm", "init", "--yes"),
            ("npm", "install", "--save-dev", "vitepress@1.6.4"),
            ("npx", "vitepress", "init"),
        ),
        inside=True,
        answers={},
        shows="My Awesome Project",
        deep="/markdown-examples",
        deep_shows="Markdown Extension Examples",
        immutable=r"^/assets/.+\.js$",
    ),
    Starter(
        name="vuepress",
        framework="vuepress",
        creator="create-vuepress@2.0.0-rc.128",
        package="vuepress",
        commands=(npx("create-vuepress@2.0.0-rc.128", NAME, "--preset", "docs"),),
        answers={"preview template now": "n"},
        has_lock=False,
        shows="VuePress",
        deep="/get-started.html",
        deep_shows="Get Started",
        immutable=r"^/assets/.+\.js$",
    ),
    Starter(
        name="eleventy",
        framework="eleventy",
        creator="by hand",
        package="@11ty/eleventy",
        shows="First page",
        deep="/about/",
        deep_shows="Second page",
        note="there is no creator",
    ),
    Starter(
        name="hexo",
        framework="hexo",
        creator="hexo-cli@4.3.2",
        package="hexo",
        commands=(npx("hexo-cli@4.3.2", "init", NAME, "--no-clone", "--no-install"),),
        shows="Hello World",
        deep="/archives/",
        deep_shows="Hello World",
    ),
    Starter(
        name="mkdocs",
        framework="mkdocs",
        creator="mkdocs==1.6.1",
        package="mkdocs",
        commands=(("python", "-m", "mkdocs", "new", NAME),),
        python=True,
        shows="Welcome to MkDocs",
        deep="/about/",
        deep_shows="Second page",
    ),
    Starter(
        name="sphinx",
        framework="sphinx",
        creator="sphinx==9.0.4",
        package="sphinx",
        commands=(
            (
                "python",
                "-m",
                "sphinx.cmd.quickstart",
                "--quiet",
                "--no-sep",
                "--project=My app",
                "--author=Me",
                "-v=1",
                "--language=en",
                f"{NAME}/docs",
            ),
        ),
        python=True,
        shows="My app documentation",
        deep="/genindex",
        deep_shows="Index",
    ),
    Starter(
        name="build-script",
        framework="other",
        creator="html5-boilerplate@9.0.1",
        package="webpack",
        unpack=("html5-boilerplate@9.0.1", "dist"),
        shows="Hello world! This is HTML5 Boilerplate.",
        deep="/robots.txt",
        note="the folder of an npm package, built by webpack",
    ),
    Starter(
        name="html",
        framework="html",
        creator="by hand",
        shows="First page",
        deep="/about",
        deep_shows="Second page",
    ),
)

STARTERS: tuple[Starter, ...] = (*VITE, *APPS, *SITES)
BY_NAME: Mapping[str, Starter] = {starter.name: starter for starter in STARTERS}
