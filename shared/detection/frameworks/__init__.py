"""Every framework that is known, in the order in which they are looked for.

What stands on something else comes before it: Astro is also Vite. Adding one is an entry here and
an example in ``tests/frameworks/examples``.
"""

from shared.detection.frameworks import documentation, plain, python_sites, rendering, servers
from shared.detection.frameworks import single_page as pages
from shared.detection.frameworks.angular import ANGULAR
from shared.detection.frameworks.entry import Framework

FRAMEWORKS: tuple[Framework, ...] = (
    rendering.NEXTJS,
    rendering.NUXT,
    rendering.SVELTEKIT,
    rendering.ASTRO,
    rendering.GATSBY,
    rendering.REACT_ROUTER,
    rendering.REMIX,
    rendering.SOLIDSTART,
    rendering.TANSTACK_START,
    rendering.QWIK_CITY,
    documentation.DOCUSAURUS,
    documentation.VITEPRESS,
    documentation.VUEPRESS,
    documentation.ELEVENTY,
    documentation.HEXO,
    pages.CREATE_REACT_APP,
    ANGULAR,
    pages.VUE,
    pages.EMBER,
    pages.PREACT,
    *servers.NODE_SERVERS,
    servers.NODE,
    pages.RSBUILD,
    pages.VITE,
    pages.PARCEL,
    documentation.STORYBOOK,
    *servers.PYTHON_SERVERS,
    python_sites.MKDOCS,
    python_sites.SPHINX,
    servers.GO,
    plain.OTHER,
    plain.HTML,
    servers.DOCKERFILE,
    servers.PROCFILE,
)
BY_SLUG = {entry.slug: entry for entry in FRAMEWORKS}
