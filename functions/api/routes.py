"""Every route of the API and what serves it: no resource is imported before it is asked.

Made by ``python -m infrastructure.packaging.routes`` of what the resources declare.
"""

from shared.triggers.routes import table

ROUTES = table(
    """
    POST v1/auth/development functions.api.auth.sign_in_developer
    POST v1/auth/refresh functions.api.auth.refresh_tokens
    POST v1/auth/sign-out functions.api.auth.sign_out
    GET v1/me functions.api.auth.me
    GET v1/accounts/{account_id}/members functions.api.accounts.list_members
    PATCH v1/accounts/{account_id}/members/{user_id} functions.api.accounts.change_role
    DELETE v1/accounts/{account_id}/members/{user_id} functions.api.accounts.remove_member
    POST v1/accounts/{account_id}/invitations functions.api.accounts.invite
    POST v1/invitations/accept functions.api.accounts.accept_invitation
    GET v1/accounts/{account_id}/tokens functions.api.accounts.list_tokens
    POST v1/accounts/{account_id}/tokens functions.api.accounts.create_token
    DELETE v1/tokens/{token_id} functions.api.accounts.revoke_token
    GET v1/projects functions.api.projects.list_projects
    POST v1/projects functions.api.projects.create_project
    GET v1/projects/{project_id} functions.api.projects.get_project
    PATCH v1/projects/{project_id} functions.api.projects.update_project
    DELETE v1/projects/{project_id} functions.api.projects.delete_project
    POST v1/projects/{project_id}/uploads functions.api.projects.create_upload
    POST v1/projects/{project_id}/prebuilt functions.api.projects.create_prebuilt
    DELETE v1/projects/{project_id}/cache functions.api.projects.clear_cache
    GET v1/projects/{project_id}/variables functions.api.variables.list_project_variables
    POST v1/projects/{project_id}/variables functions.api.variables.set_project_variable
    POST v1/projects/{project_id}/variables/import functions.api.variables.import_variables
    GET v1/accounts/{account_id}/variables functions.api.variables.list_account_variables
    POST v1/accounts/{account_id}/variables functions.api.variables.set_account_variable
    PATCH v1/variables/{variable_id} functions.api.variables.update_variable
    DELETE v1/variables/{variable_id} functions.api.variables.delete_variable
    POST v1/projects/{project_id}/deployments functions.api.deployments.create_deployment
    GET v1/projects/{project_id}/deployments functions.api.deployments.list_deployments
    GET v1/deployments/{deployment_id} functions.api.deployments.get_deployment
    POST v1/deployments/{deployment_id}/cancel functions.api.deployments.cancel_deployment
    POST v1/deployments/{deployment_id}/promote functions.api.deployments.promote_deployment
    POST v1/projects/{project_id}/rollback functions.api.deployments.roll_back_project
    POST v1/projects/{project_id}/unpin functions.api.deployments.unpin_project
    GET v1/projects/{project_id}/workload functions.api.workloads.get_workload
    POST v1/projects/{project_id}/workload/restart functions.api.workloads.restart_workload
    POST v1/projects/{project_id}/workload/stop functions.api.workloads.stop_workload
    POST v1/projects/{project_id}/workload/start functions.api.workloads.start_workload
    PUT v1/projects/{project_id}/workload/scaling functions.api.workloads.scale_workload
    POST v1/projects/{project_id}/tasks functions.api.workloads.create_task
    GET v1/projects/{project_id}/tasks functions.api.workloads.list_tasks
    GET v1/tasks/{task_id} functions.api.workloads.get_task
    POST v1/tasks/{task_id}/cancel functions.api.workloads.cancel_task
    GET v1/projects/{project_id}/schedules functions.api.workloads.list_schedules
    GET v1/deployments/{deployment_id}/logs functions.api.logs.read_logs
    GET v1/deployments/{deployment_id}/logs/download functions.api.logs.download_logs
    POST v1/negotiate functions.api.logs.negotiate
    GET v1/projects/{project_id}/logs functions.api.runtime_logs.read_runtime_logs
    GET v1/projects/{project_id}/logs/download functions.api.runtime_logs.download_runtime_logs
    GET v1/projects/{project_id}/metrics functions.api.runtime_logs.read_metrics
    GET v1/health/live functions.api.health.live
    GET v1/health/ready functions.api.health.ready
    GET v1/status functions.api.health.status
    GET v1/openapi.json functions.api.health.openapi
    POST gateway/traffic functions.api.gateway.gateway_traffic
    POST gateway/wake functions.api.gateway.gateway_wake
    """
)
