"""From a build spec to the text of a Dockerfile, and the folder of files that goes with it.

Pure: nothing is run or written here, so the runner and the cloud's builder make the same text.
``static`` writes it, ``syntax`` quotes, ``images`` chooses what it stands on, ``manifests`` which
files an install command needs, ``variables`` the file of variables that its commands read.
"""

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import base_image
from shared.builders.dockerfiles.manifests import manifest_files
from shared.builders.dockerfiles.static import CacheFolder, static_dockerfile
from shared.builders.dockerfiles.variables import variables_file

__all__ = [
    "CacheFolder",
    "SpecNotSupported",
    "base_image",
    "manifest_files",
    "static_dockerfile",
    "variables_file",
]
