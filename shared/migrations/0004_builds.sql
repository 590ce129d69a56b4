-- Builds: where a source comes from, how it is built, and what allows to use a release again.

ALTER TABLE projects
    ADD COLUMN settings  jsonb NOT NULL DEFAULT '{}',   -- build settings that members chose
    ADD COLUMN git       jsonb,                         -- {url, branch, username}
    ADD COLUMN git_token text;                          -- sealed, never given back

-- A prebuilt upload names all files of a site; its archive brings those that are missing.
-- A fetched repository is staged like an upload, by whoever or whatever asked for it.
ALTER TABLE uploads
    ADD COLUMN prebuilt boolean NOT NULL DEFAULT false,
    ALTER COLUMN created_by DROP NOT NULL;

ALTER TABLE deployments
    ADD COLUMN settings  jsonb NOT NULL DEFAULT '{}',   -- build settings for this one alone
    ADD COLUMN use_cache boolean NOT NULL DEFAULT true,
    ADD COLUMN run       jsonb,                         -- {key, attempt, frames, built}
    ADD COLUMN variables text,                          -- sealed snapshot of what it was given
    ADD COLUMN skipped   text,                          -- why it ended without a build, in words
    ADD COLUMN reused_from integer;                     -- number of the deployment it repeats

-- Equal fingerprints: same source, build spec and variables.
ALTER TABLE releases ADD COLUMN fingerprint text;
CREATE INDEX releases_fingerprint ON releases (project_id, environment, fingerprint)
    WHERE fingerprint IS NOT NULL;

-- Whoever sends a prebuilt site is told which contents are missing.
GRANT SELECT ON objects, object_forms TO astrocloud_api;
