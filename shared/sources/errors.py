"""Why a source cannot be had: one class a reason, each with its code and what to do about it.

No error here ever holds a user name, a token, or an address with credentials in it.
"""

from shared.errors import AstroCloudError, Unavailable, ValidationFailed


class AddressRefused(ValidationFailed):
    """An address that no request is made to: another scheme, a private host, an odd port."""

    code, title = "address_refused", "This address is not accepted"


class CredentialsInAddress(AddressRefused):
    """A user name or password stands in the address itself."""

    code, title = "credentials_in_address", "An address must not hold a password"


class RedirectRefused(AddressRefused):
    """An answer leads somewhere that is not followed."""

    code, title = "redirect_refused", "A redirect is not followed"


class HostUnknown(ValidationFailed):
    """The name of the host has no address."""

    code, title = "host_unknown", "There is no such host"


class CertificateRefused(ValidationFailed):
    """The host cannot prove that it is the one that was named."""

    code, title = "certificate_refused", "The host's certificate is not valid"


class HostUnreachable(Unavailable):
    """The host cannot be reached, or breaks off."""

    code, title = "host_unreachable", "The host does not answer"


class AnswerTooLarge(ValidationFailed):
    """An answer has more bytes than are taken."""

    code, title = "answer_too_large", "The answer is too large"


class OutgoingTimeout(Unavailable):
    """The time for a request, or for all of a fetch, is over."""

    code, title = "outgoing_timeout", "It took too long"


class Stopped(AstroCloudError):
    """Whoever asked does not want it any more."""

    code, title, status = "stopped", "Stopped", 409


class GitError(ValidationFailed):
    """The repository cannot be fetched as it was asked for; the same again does not help."""

    code, title = "git_error", "The repository cannot be fetched"


class GitAddressRefused(GitError):
    """The address is not one of a repository over https."""

    code, title = "git_address_refused", "This is no address of a repository"


class GitNeedsCredentials(GitError):
    """The server wants to know who asks, and nothing was given."""

    code, title = "git_needs_credentials", "The repository is private, or does not exist"


class GitRefused(GitError):
    """The server does not let these credentials read the repository."""

    code, title = "git_refused", "The server refuses access to the repository"


class GitNotFound(GitError):
    """There is no repository at this address."""

    code, title = "git_not_found", "There is no such repository"


class NotGit(GitError):
    """Something answers, but not as a Git server does."""

    code, title = "git_not_a_repository", "This is not a Git repository"


class GitUnavailable(Unavailable):
    """The Git server has a fault, or wants to be asked more slowly."""

    code, title = "git_unavailable", "The Git server does not answer"


class RefNotFound(GitError):
    """The repository has no such branch, tag or commit."""

    code, title = "git_ref_not_found", "There is no such branch, tag or commit"


class RefInvalid(GitError):
    """What was asked for cannot be the name of a branch, a tag or a commit."""

    code, title = "git_ref_invalid", "This names no revision"


class EmptyRepository(GitError):
    """The repository has no commit, or the commit no file."""

    code, title = "git_empty", "The repository is empty"


class RepositoryTooLarge(GitError):
    """The revision has more bytes or files than are taken."""

    code, title, status = "git_too_large", "The repository is too large", 413


class RepositoryDamaged(GitError):
    """What the server sent does not fit together."""

    code, title = "git_damaged", "The repository's data is damaged"


class ImageReferenceRefused(ValidationFailed):
    """A text that names no container image."""

    code, title = "image_reference_refused", "This is no image's name"


class ImageNotFound(ValidationFailed):
    """The registry has no such image."""

    code, title = "image_not_found", "There is no such image"


class ImageRefused(ValidationFailed):
    """The registry does not give the image to us, or it is none that could be run."""

    code, title = "image_refused", "The image cannot be used"


class RegistryUnavailable(Unavailable):
    """The registry does not answer, or has had enough of us for now."""

    code, title = "registry_unavailable", "The registry does not answer"
