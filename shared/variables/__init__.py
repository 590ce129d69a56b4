"""Environment variables: of a project, or shared by all projects of an account; stored sealed."""
