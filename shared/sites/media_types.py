"""Content types of files by their names: our own table, so that no system's differs.

Which types are worth compressing is decided here, too: it follows from the type alone.
"""

_TEXT = {
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "cjs": "text/javascript",
    "jsx": "text/javascript",
    "ts": "text/plain",
    "tsx": "text/plain",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "ics": "text/calendar",
    "vcf": "text/vcard",
    "vtt": "text/vtt",
    "srt": "text/plain",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    "xml": "application/xml",
    "xsl": "application/xslt+xml",
    "xhtml": "application/xhtml+xml",
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
}
_COMPRESSIBLE = {
    "json": "application/json",
    "map": "application/json",
    "jsonld": "application/ld+json",
    "geojson": "application/geo+json",
    "topojson": "application/json",
    "webmanifest": "application/manifest+json",
    "wasm": "application/wasm",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
    "bmp": "image/bmp",
    "cur": "image/x-icon",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "ttc": "font/collection",
    "eot": "application/vnd.ms-fontobject",
    "rtf": "application/rtf",
    "gltf": "model/gltf+json",
    "obj": "model/obj",
    "stl": "model/stl",
}
_PACKED = {
    "png": "image/png",
    "apng": "image/apng",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "jxl": "image/jxl",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mov": "video/quicktime",
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "weba": "audio/webm",
    "pdf": "application/pdf",
    "epub": "application/epub+zip",
    "zip": "application/zip",
    "gz": "application/gzip",
    "tgz": "application/gzip",
    "br": "application/octet-stream",
    "tar": "application/x-tar",
    "7z": "application/x-7z-compressed",
    "glb": "model/gltf-binary",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "apk": "application/vnd.android.package-archive",
}
# Read without an ending, at addresses that others fixed.
_WHOLE_NAMES = {
    "apple-app-site-association": "application/json",
    "CNAME": "text/plain; charset=utf-8",
    "LICENSE": "text/plain; charset=utf-8",
    "README": "text/plain; charset=utf-8",
}
_UNKNOWN = "application/octet-stream"


def media_type(path: str) -> str:
    """The value of Content-Type; text carries its charset."""
    name = path.rpartition("/")[2]
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    ending = _ending(name)
    if ending in _TEXT:
        return f"{_TEXT[ending]}; charset=utf-8"
    return _COMPRESSIBLE.get(ending) or _PACKED.get(ending) or _UNKNOWN


def is_compressible(path: str) -> bool:
    """Whether gzip or brotli may make such a file much smaller."""
    name = path.rpartition("/")[2]
    return name in _WHOLE_NAMES or _ending(name) in _TEXT or _ending(name) in _COMPRESSIBLE


def is_html(path: str) -> bool:
    """Whether a file is a page."""
    return _ending(path) in ("html", "htm", "xhtml")


def _ending(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot else ""
