"""Environment variables of projects and accounts."""

from shared.services import services
from shared.triggers.http import Call, Reply, Resource
from shared.variables.models import (
    Variable,
    VariableCreate,
    Variables,
    VariablesImport,
    VariablesImported,
    VariableUpdate,
)

resource = Resource("Variables")
_MOST_BODY = 1_048_576


@resource.operation("GET", "projects/{project_id}/variables", returns=Variables)
async def list_project_variables(call: Call) -> Variables:
    """List a project's variables; secret values are never given."""
    return await services().variables.list_of_project(call.scope, call.id("project_id"))


@resource.operation(
    "POST", "projects/{project_id}/variables", body=VariableCreate, returns=Variable
)
async def set_project_variable(call: Call) -> Variable:
    """Set a variable of a project; one of this name, environment and branch is replaced."""
    wanted, project_id = call.body(VariableCreate), call.id("project_id")
    known = services().variables
    return _kept(call, await known.set_of_project(call.scope, project_id, call.new_id, wanted))


@resource.operation(
    "POST",
    "projects/{project_id}/variables/import",
    body=VariablesImport,
    returns=VariablesImported,
    max_body=_MOST_BODY,
)
async def import_variables(call: Call) -> VariablesImported:
    """Set all variables of a dotenv text, or none of them."""
    wanted, project_id = call.body(VariablesImport), call.id("project_id")
    return await services().variables.import_dotenv(call.scope, project_id, wanted)


@resource.operation("GET", "accounts/{account_id}/variables", returns=Variables)
async def list_account_variables(call: Call) -> Variables:
    """List the variables that all projects of an account share."""
    return await services().variables.list_of_account(call.scope, call.id("account_id"))


@resource.operation(
    "POST", "accounts/{account_id}/variables", body=VariableCreate, returns=Variable
)
async def set_account_variable(call: Call) -> Variable:
    """Set a variable for all projects of an account."""
    wanted, account_id = call.body(VariableCreate), call.id("account_id")
    known = services().variables
    return _kept(call, await known.set_of_account(call.scope, account_id, call.new_id, wanted))


@resource.operation("PATCH", "variables/{variable_id}", body=VariableUpdate, returns=Variable)
async def update_variable(call: Call) -> Variable:
    """Change a variable's value or scope, or make it secret."""
    change = call.body(VariableUpdate)
    return await services().variables.update(call.scope, call.id("variable_id"), change)


@resource.operation("DELETE", "variables/{variable_id}", status=204)
async def delete_variable(call: Call) -> Reply:
    """Delete a variable."""
    await services().variables.delete(call.scope, call.id("variable_id"))
    return Reply()


def _kept(call: Call, variable: Variable) -> Variable:
    """An answer to a call with an idempotency key is stored, so it holds no value."""
    return variable if call.attempt is None else variable.model_copy(update={"value": None})
