-- The tables of the control plane. A row that belongs to a tenant carries its account_id, so that
-- one policy shape (0002) fits every table.

CREATE TABLE accounts (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug         text NOT NULL UNIQUE,
    name         text NOT NULL,
    plan         text NOT NULL DEFAULT 'standard',
    limits       jsonb NOT NULL DEFAULT '{}',
    suspended_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    login      text NOT NULL UNIQUE,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE members (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, account_id)
);
CREATE INDEX members_account ON members (account_id);

-- A refresh token names its session and rotation and is signed; nothing secret is stored.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    rotation   integer NOT NULL DEFAULT 0,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- One-time links of the development sign-in that were used.
CREATE TABLE used_tickets (
    ticket     text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE projects (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id      uuid NOT NULL REFERENCES accounts,
    slug            text NOT NULL,
    name            text NOT NULL,
    last_number     integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
CREATE UNIQUE INDEX projects_slug ON projects (slug) WHERE deleted_at IS NULL;
CREATE INDEX projects_page ON projects (account_id, created_at DESC, id DESC);

CREATE TABLE uploads (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id  uuid NOT NULL REFERENCES accounts,
    project_id  uuid NOT NULL REFERENCES projects,
    format      text NOT NULL CHECK (format IN ('zip', 'tar.gz')),
    size        bigint NOT NULL CHECK (size >= 0),
    created_by  uuid NOT NULL REFERENCES users,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    cleaned_at  timestamptz
);
CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE cleaned_at IS NULL;

CREATE TABLE environments (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id      uuid NOT NULL REFERENCES accounts,
    project_id      uuid NOT NULL REFERENCES projects,
    name            text NOT NULL CHECK (name IN ('production', 'preview')),
    live_release_id uuid,
    live_since      timestamptz,
    -- The highest deployment number that was ever live: automatic promotion never goes below it.
    live_sequence   integer NOT NULL DEFAULT 0,
    generation      bigint NOT NULL DEFAULT 0,
    pinned_at       timestamptz,
    UNIQUE (project_id, name)
);

CREATE TABLE deployments (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id      uuid NOT NULL REFERENCES accounts,
    project_id      uuid NOT NULL REFERENCES projects,
    environment_id  uuid NOT NULL REFERENCES environments,
    environment     text NOT NULL,
    number          integer NOT NULL,
    -- Deployments of one lane go one after another, and the newest waiting one wins.
    lane            text NOT NULL,
    state           text NOT NULL DEFAULT 'queued' CHECK (state IN (
                        'queued', 'fetching', 'building', 'publishing', 'rolling_out',
                        'ready', 'failed', 'canceled', 'superseded')),
    source          jsonb NOT NULL,
    build_spec      jsonb,
    progress        jsonb NOT NULL DEFAULT '{}',
    failure         jsonb,
    release_id      uuid,
    -- due_at is outbox, poll, retry and lease in one; tick names the claim that holds the lease.
    due_at          timestamptz DEFAULT now(),
    tick            bigint NOT NULL DEFAULT 0,
    attempt         integer NOT NULL DEFAULT 0,
    deadline_at     timestamptz NOT NULL,
    cancel_requested_at timestamptz,
    created_by      uuid REFERENCES users,
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    UNIQUE (project_id, number),
    CHECK ((finished_at IS NOT NULL) = (state IN ('ready', 'failed', 'canceled', 'superseded')))
);
CREATE INDEX deployments_due ON deployments (due_at) WHERE finished_at IS NULL;
CREATE INDEX deployments_active ON deployments (account_id, state) WHERE finished_at IS NULL;
CREATE INDEX deployments_lane ON deployments (project_id, lane, number) WHERE finished_at IS NULL;
CREATE INDEX deployments_page ON deployments (project_id, number DESC);

CREATE TABLE deployment_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES accounts,
    deployment_id uuid NOT NULL REFERENCES deployments,
    state         text NOT NULL,
    detail        text,
    at            timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deployment_events_page ON deployment_events (deployment_id, id);

-- What a ready deployment left: immutable, complete by itself.
CREATE TABLE releases (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES accounts,
    project_id    uuid NOT NULL REFERENCES projects,
    deployment_id uuid NOT NULL UNIQUE REFERENCES deployments,
    environment   text NOT NULL,
    number        integer NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('static', 'dynamic')),
    -- Static: {shards, not_found, fallback}, as the route needs them.
    serving       jsonb NOT NULL,
    settings      jsonb NOT NULL DEFAULT '{}',
    files         integer NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX releases_project ON releases (project_id, number DESC);
ALTER TABLE environments ADD FOREIGN KEY (live_release_id) REFERENCES releases;
ALTER TABLE deployments ADD FOREIGN KEY (release_id) REFERENCES releases;

-- Which content the project has in Blob. A row is written after the blob's bytes are there.
CREATE TABLE objects (
    project_id uuid NOT NULL REFERENCES projects,
    digest     bytea NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts,
    size       bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, digest)
);

-- The encoded forms of a content, kept so that an unchanged file is not compressed again.
CREATE TABLE object_forms (
    project_id  uuid NOT NULL,
    digest      bytea NOT NULL,
    encoding    text NOT NULL CHECK (encoding IN ('gzip', 'br')),
    account_id  uuid NOT NULL REFERENCES accounts,
    form_digest bytea,          -- NULL: tried, and it does not pay
    form_size   bigint,
    PRIMARY KEY (project_id, digest, encoding),
    FOREIGN KEY (project_id, digest) REFERENCES objects
);

-- Host names are unique rows; a freed name rests before anyone may take it again.
CREATE TABLE hosts (
    host           text PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts,
    project_id     uuid NOT NULL REFERENCES projects,
    environment_id uuid REFERENCES environments,
    release_id     uuid REFERENCES releases,
    generation     bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    freed_at       timestamptz,
    -- An environment's host follows its pointer, a permalink names one release.
    CHECK ((environment_id IS NULL) <> (release_id IS NULL))
);
CREATE INDEX hosts_project ON hosts (project_id);

-- Work that carries a payload: committed with its cause, tried at once, repeated until done.
CREATE TABLE deliveries (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid REFERENCES accounts,
    kind       text NOT NULL,
    payload    jsonb NOT NULL,
    due_at     timestamptz NOT NULL DEFAULT now(),
    tick       bigint NOT NULL DEFAULT 0,
    attempts   integer NOT NULL DEFAULT 0,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at    timestamptz
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE done_at IS NULL;

-- The log of a deployment: its head, and compressed chunks of lines numbered without gaps.
CREATE TABLE log_streams (
    deployment_id uuid PRIMARY KEY REFERENCES deployments,
    account_id    uuid NOT NULL REFERENCES accounts,
    last_n        bigint NOT NULL DEFAULT 0,
    writers       jsonb NOT NULL DEFAULT '{}',   -- writer → {sequence, tails?}
    ended_at      timestamptz
);
CREATE TABLE log_chunks (
    deployment_id uuid NOT NULL REFERENCES deployments,
    first_n       bigint NOT NULL,
    last_n        bigint NOT NULL CHECK (last_n >= first_n),
    account_id    uuid NOT NULL REFERENCES accounts,
    lines         bytea NOT NULL,                -- zlib of a JSON array of lines without n
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (deployment_id, first_n)
);

CREATE TABLE idempotency_keys (
    user_id     uuid NOT NULL REFERENCES users,
    route       text NOT NULL,
    key         text NOT NULL,
    body_hash   bytea NOT NULL,
    status      integer,                         -- NULL while the first call is at work
    response    jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id uuid REFERENCES accounts,
    user_id    uuid REFERENCES users,
    action     text NOT NULL,
    target     text NOT NULL,
    request_id text,
    detail     jsonb NOT NULL DEFAULT '{}',
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_page ON audit (account_id, id DESC);
