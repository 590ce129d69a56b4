"""Stages each function app into a folder of its own, as Azure and every functions host want it.

``stage`` copies by an allow-list; ``requirements`` picks the pins that the copied code needs.
Building zip files and sending them to Azure is not done here.
"""

from infrastructure.packaging.errors import StagingError
from infrastructure.packaging.stage import APPS, stage

__all__ = ["APPS", "StagingError", "stage"]
