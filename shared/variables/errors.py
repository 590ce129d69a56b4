"""What can be wrong with variables, apart from their names and values themselves."""

from shared.errors import Conflict, Forbidden, ValidationFailed


class InvalidVariable(ValidationFailed):
    """A name or a value that a variable cannot have."""

    code, title = "invalid_variable", "The variable is not acceptable"


class BranchOfProduction(ValidationFailed):
    """A branch was named together with production."""

    code, title = "branch_of_production", "Only previews have branches"


class SecretStays(Conflict):
    """A secret was to become readable."""

    code, title = "secret_stays", "A secret stays a secret"


class VariablesLimit(Forbidden):
    """The plan allows no more variables, or no more bytes in them."""

    code, title = "variables_limit", "Too many variables"


class InvalidDotenv(ValidationFailed):
    """A dotenv text of which at least one line cannot be used; nothing was changed."""

    code, title = "invalid_dotenv", "The text cannot be imported"
