"""From a build spec to the text of a Dockerfile, and the folder of files that goes with it.

Pure: nothing is run or written here, so the runner and the cloud's builder make the same text.
``static`` writes it for a site and ``server`` for a server (``languages`` knows what differs
between those); ``stages`` is what both have in common, ``start`` how a server's command is begun.
``syntax`` quotes, ``images`` chooses what it stands on, ``manifests`` which files an install
command needs, ``environment`` and ``variables`` what its commands find. ``own`` looks through the
Dockerfile of a user before any engine does.

**The context** of a text made here is a folder with ``source/``, which is the whole source, and,
where ``manifest_files`` names any, ``manifests/`` with copies of these at the same paths (then
``manifests=True``). The build is given one secret, ``variables``, with the content of
``variables_file``, and the arguments ``ASTROCLOUD_INPUTS`` (another value installs again) and
``ASTROCLOUD_STEP`` (another value builds again: the key of the run). It needs BuildKit or Buildah.
The last stage is the image; stages can be built one by one (``TOOLS``, ``IGNORE``, ``INSTALL``,
``BUILD``, ``PRODUCTION``).

A user's own Dockerfile is built as it is, with the app's root as its context.
"""

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import base_image, build_image, run_image
from shared.builders.dockerfiles.manifests import manifest_files, package_scripts
from shared.builders.dockerfiles.own import DockerfileRefused, OwnDockerfile, read_dockerfile
from shared.builders.dockerfiles.server import server_dockerfile
from shared.builders.dockerfiles.stages import CacheFolder
from shared.builders.dockerfiles.start import launch
from shared.builders.dockerfiles.static import static_dockerfile
from shared.builders.dockerfiles.variables import variables_file

__all__ = [
    "CacheFolder",
    "DockerfileRefused",
    "OwnDockerfile",
    "SpecNotSupported",
    "base_image",
    "build_image",
    "launch",
    "manifest_files",
    "package_scripts",
    "read_dockerfile",
    "run_image",
    "server_dockerfile",
    "static_dockerfile",
    "variables_file",
]
