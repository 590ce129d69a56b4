"""Archives of small sites."""

import io
import zipfile
from collections.abc import Mapping


def site(files: Mapping[str, str | bytes] | None = None) -> bytes:
    """A ZIP of the files; a page by default."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files or {"index.html": "<h1>Hello</h1>"}).items():
            archive.writestr(name, content)
    return buffer.getvalue()
