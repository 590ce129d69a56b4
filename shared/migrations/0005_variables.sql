-- Environment variables of projects, and of accounts for all their projects. Every value is sealed.

CREATE TABLE variables (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    project_id  uuid REFERENCES projects ON DELETE CASCADE,      -- NULL: all projects of the account
    name        text NOT NULL,
    environment text NOT NULL CHECK (environment IN ('production', 'preview')),
    branch      text CHECK (branch IS NULL OR environment = 'preview'),
    scope       text NOT NULL CHECK (scope IN ('build', 'run', 'all')),
    secret      boolean NOT NULL,
    sealed      text NOT NULL,
    bytes       integer NOT NULL,
    created_by  uuid REFERENCES users ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (account_id, project_id, name, environment, branch)
);

ALTER TABLE variables ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON variables TO astrocloud_api
    USING (account_id = ANY ((SELECT visible_accounts())::uuid[]));
CREATE POLICY worker ON variables TO astrocloud_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON variables TO astrocloud_api;
GRANT SELECT, UPDATE, DELETE ON variables TO astrocloud_worker;

-- A sealed text begins with the name of its key: after a rotation, what an older one sealed is
-- found without reading the rest.
CREATE INDEX variables_key ON variables (left(sealed, 8));
CREATE INDEX deployments_key ON deployments (left(variables, 8)) WHERE variables IS NOT NULL;
CREATE INDEX projects_key ON projects (left(git_token, 8)) WHERE git_token IS NOT NULL;
