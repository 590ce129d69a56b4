"""The Azure Functions apps: thin triggers, one package an app."""
