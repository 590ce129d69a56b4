"""The API: HTTP triggers of users, one module a resource."""
