"""How tools word the causes: one module an ecosystem, each a table ``SIGNS``.

The order of the modules does not matter; ranks do. What the causes mean stands in the catalogue.
"""

from shared.failures.signs import (
    bundlers,
    code,
    commands,
    containers,
    frameworks,
    go,
    lockfiles,
    machine,
    network,
    node_install,
    node_version,
    python_apps,
    python_install,
    runtime,
    server_render,
    site_content,
    typescript,
    variables,
)

SIGNS = (
    *machine.SIGNS,
    *network.SIGNS,
    *lockfiles.SIGNS,
    *node_install.SIGNS,
    *node_version.SIGNS,
    *commands.SIGNS,
    *code.SIGNS,
    *typescript.SIGNS,
    *bundlers.SIGNS,
    *frameworks.SIGNS,
    *server_render.SIGNS,
    *site_content.SIGNS,
    *python_install.SIGNS,
    *python_apps.SIGNS,
    *go.SIGNS,
    *containers.SIGNS,
    *variables.SIGNS,
    *runtime.SIGNS,
)
