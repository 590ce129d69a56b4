"""ACR Tasks as a builder: nothing of ours runs while a build does.

``builder`` is the port; ``plan`` says what is built, ``task`` writes it for ACR and ``context``
packs the source; ``management`` speaks to Azure's manager, ``registry`` to the registry;
``records`` are what is kept of a run there; ``log`` reads, ``cutting`` takes apart and ``outcome``
judges what a run printed; ``output`` makes a site's archive of an image.
"""

from shared.builders.acr.builder import AcrBuilder
from shared.builders.acr.management import Where

__all__ = ["AcrBuilder", "Where"]
