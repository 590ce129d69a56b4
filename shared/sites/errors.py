"""Why an archive is refused: one class a reason, each with its code and what to do about it."""

import unicodedata

from shared.errors import AstroCloudError

_SHOWN = 96


class ArchiveRefused(AstroCloudError):
    """The archive cannot be published as it is; sending the same again does not help."""

    code, title, status = "archive_refused", "The archive cannot be published", 422


class NotAnArchive(ArchiveRefused):
    """The bytes are neither a ZIP nor a gzip file."""

    code, title = "not_an_archive", "This is not an archive"


class WrongFormat(ArchiveRefused):
    """An archive, but not of the format that was named."""

    code, title = "wrong_format", "The archive has another format"


class TruncatedArchive(ArchiveRefused):
    """The archive ends before its content does."""

    code, title = "truncated_archive", "The archive is not complete"


class DamagedArchive(ArchiveRefused):
    """A checksum or a structure of the archive is wrong."""

    code, title = "damaged_archive", "The archive is damaged"


class EmptyArchive(ArchiveRefused):
    """There is no file in it that would be published."""

    code, title = "empty_archive", "The archive is empty"


class NoIndexHtml(ArchiveRefused):
    """There is no page to show at the site's address."""

    code, title = "no_index_html", "There is no index.html"


class ContentMissing(ArchiveRefused):
    """A prebuilt site names a content that neither the project has nor the archive brings."""

    code, title = "content_missing", "A file of the site did not arrive"


class ManifestMissing(ArchiveRefused):
    """A release that was to be used again has lost its manifest."""

    code, title = "manifest_missing", "An earlier release cannot be used again"


class UnsafePath(ArchiveRefused):
    """A name that leads out of the site: ``../``, absolute, with a drive or backslashes."""

    code, title = "unsafe_path", "A name leads out of the site"


class InvalidName(ArchiveRefused):
    """A name that is too long, no UTF-8 or holds control characters."""

    code, title = "invalid_name", "A name is not acceptable"


class LinkEntry(ArchiveRefused):
    """A symbolic or hard link."""

    code, title = "link_entry", "The archive holds a link"


class SpecialEntry(ArchiveRefused):
    """A device, a pipe, or a kind of entry that is no file."""

    code, title = "special_entry", "The archive holds something that is no file"


class DuplicateEntry(ArchiveRefused):
    """One name twice."""

    code, title = "duplicate_entry", "A file is in the archive twice"


class NameCollision(ArchiveRefused):
    """Two names that many systems take for one: by case or by Unicode form."""

    code, title = "name_collision", "Two names are too alike"


class FileFolderCollision(ArchiveRefused):
    """One name is a file and a folder."""

    code, title = "file_folder_collision", "A name is both a file and a folder"


class EncryptedEntry(ArchiveRefused):
    """An entry needs a password."""

    code, title = "encrypted_entry", "The archive is encrypted"


class UnsupportedCompression(ArchiveRefused):
    """An entry is compressed by something other than deflate."""

    code, title = "unsupported_compression", "The archive is compressed in an unusual way"


class OverlappingEntries(ArchiveRefused):
    """Two entries share the same bytes of the archive."""

    code, title = "overlapping_entries", "Entries of the archive overlap"


class SuspiciousRatio(ArchiveRefused):
    """The content is so much larger than the archive that it looks like an attack."""

    code, title = "suspicious_ratio", "The archive unpacks to far more than it holds"


class TooManyFiles(ArchiveRefused):
    """More files than a site may have."""

    code, title, status = "too_many_files", "Too many files", 413


class SiteTooLarge(ArchiveRefused):
    """The archive, or its content together, is above the bound."""

    code, title, status = "site_too_large", "The site is too large", 413


class FileTooLarge(ArchiveRefused):
    """One file is above the bound."""

    code, title, status = "file_too_large", "A file is too large", 413


def shown(name: str) -> str:
    """A name as a message may hold it: short, on one line, with nothing that acts."""
    safe = "".join(
        c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode()
        for c in name[: _SHOWN + 1]
    )
    return f"“{safe}”" if len(name) <= _SHOWN else f"“{safe[:_SHOWN]}…”"
