"""Every framework that is known, in the order in which they are looked for.

What stands on something else comes before it: Astro is also Vite. Adding one is an entry here and
an example in ``tests/frameworks/examples``.
"""

from shared.detection.frameworks import (
    documentation,
    go_servers,
    node_servers,
    own_ways,
    plain,
    python_servers,
    python_sites,
    rendering,
)
from shared.detection.frameworks import single_page as pages
from shared.detection.frameworks.angular import ANGULAR
from shared.detection.frameworks.entry import Framework
from shared.detection.frameworks.sveltekit import SVELTEKIT

FRAMEWORKS: tuple[Framework, ...] = (
    rendering.NEXTJS,
    rendering.NUXT,
    SVELTEKIT,
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
    *node_servers.NODE_SERVERS,
    node_servers.NODE,
    pages.RSBUILD,
    pages.VITE,
    pages.PARCEL,
    documentation.STORYBOOK,
    *python_servers.PYTHON_SERVERS,
    python_sites.MKDOCS,
    python_sites.SPHINX,
    go_servers.GO,
    own_ways.PROCFILE,
    plain.OTHER,
    plain.HTML,
    python_servers.PYTHON,
    own_ways.DOCKERFILE,
)
BY_SLUG = {entry.slug: entry for entry in FRAMEWORKS}
