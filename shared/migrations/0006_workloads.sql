-- Workloads: what runs of dynamic releases, and the tasks that run with a release's image.

-- A workload is named by its release before that release stands: the rollout begins here.
CREATE TABLE workloads (
    release_id     uuid PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts,
    project_id     uuid NOT NULL REFERENCES projects,
    environment_id uuid NOT NULL REFERENCES environments,
    deployment_id  uuid NOT NULL UNIQUE REFERENCES deployments,
    environment    text NOT NULL,
    number         integer NOT NULL,
    -- starting: its deployment rolls it out; live: the pointer names it; draining: replaced, it
    -- ends what it began; kept: nothing runs, it can be live again; deleted: nothing is left.
    state          text NOT NULL DEFAULT 'starting'
                   CHECK (state IN ('starting', 'live', 'draining', 'kept', 'deleted')),
    document       text NOT NULL,                 -- sealed: what the cluster is given
    image          text NOT NULL,
    image_is_ours  boolean NOT NULL,              -- a builder made it, so retention deletes it
    scaling        jsonb NOT NULL,
    floor          integer NOT NULL DEFAULT 0,    -- replicas that requests in flight ask for
    floor_until    timestamptz,
    wanted         integer NOT NULL DEFAULT 0,    -- what the cluster was told last
    told_at        timestamptz NOT NULL DEFAULT now(),
    addresses      text[] NOT NULL DEFAULT '{}',
    asleep         boolean NOT NULL DEFAULT false,  -- what its routes say
    status         jsonb,                         -- as the cluster told it last
    seen_at        timestamptz,
    awake_until    timestamptz,
    drain_until    timestamptz,
    last_request_at timestamptz NOT NULL DEFAULT now(),
    restart_asked_at timestamptz,
    apply_asked_at timestamptz,
    -- due_at is outbox, poll, retry and lease in one; tick names the claim that holds the lease.
    due_at         timestamptz DEFAULT now(),
    tick           bigint NOT NULL DEFAULT 0,
    attempt        integer NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    CHECK ((deleted_at IS NOT NULL) = (state = 'deleted'))
);
CREATE INDEX workloads_due ON workloads (due_at) WHERE state <> 'deleted';
CREATE INDEX workloads_environment ON workloads (environment_id, number DESC);
CREATE INDEX workloads_image ON workloads (project_id, image) WHERE state <> 'deleted';
CREATE INDEX workloads_key ON workloads (left(document, 8));

ALTER TABLE environments
    ADD COLUMN stopped_at      timestamptz,
    -- The release that was asked for and goes live as soon as its replicas are ready.
    ADD COLUMN next_release_id uuid,
    ADD COLUMN next_pin        boolean NOT NULL DEFAULT false,
    ADD COLUMN next_since      timestamptz,
    ADD COLUMN next_failure    jsonb;

ALTER TABLE deployments ADD COLUMN rollout jsonb;  -- {task, frames, applied, told}
ALTER TABLE releases
    ADD COLUMN image     text,
    ADD COLUMN image_key text;                     -- equal: made of the same source and build
CREATE INDEX releases_image_key ON releases (project_id, environment, image_key)
    WHERE image_key IS NOT NULL;

ALTER TABLE projects
    ADD COLUMN scaling        jsonb,               -- by environment, before what the source says
    ADD COLUMN registry       jsonb,               -- {registry, username}
    ADD COLUMN registry_token text;                -- sealed, never given back

CREATE TABLE tasks (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES accounts,
    project_id    uuid NOT NULL REFERENCES projects,
    release_id    uuid NOT NULL REFERENCES workloads,
    environment   text NOT NULL,
    command       text NOT NULL,
    seconds       integer NOT NULL,
    state         text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled', 'lost')),
    exit_code     integer,
    detail        text NOT NULL DEFAULT '',
    frames        integer NOT NULL DEFAULT 0,
    cancel_requested_at timestamptz,
    due_at        timestamptz DEFAULT now(),
    tick          bigint NOT NULL DEFAULT 0,
    attempt       integer NOT NULL DEFAULT 0,
    created_by    uuid REFERENCES users ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state NOT IN ('queued', 'running')))
);
CREATE INDEX tasks_due ON tasks (due_at) WHERE finished_at IS NULL;
CREATE INDEX tasks_page ON tasks (project_id, created_at DESC, id DESC);
CREATE INDEX tasks_release ON tasks (release_id) WHERE finished_at IS NULL;

-- How many requests each gateway has in flight; the sum decides.
CREATE TABLE gateway_loads (
    release_id uuid NOT NULL REFERENCES workloads ON DELETE CASCADE,
    gateway    text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts,
    in_flight  real NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (release_id, gateway)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['workloads', 'tasks', 'gateway_loads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO astrocloud_api '
            'USING (account_id = ANY ((SELECT visible_accounts())::uuid[]))', name);
        EXECUTE format('CREATE POLICY worker ON %I TO astrocloud_worker USING (true)', name);
        EXECUTE format('CREATE POLICY admin ON %I FOR SELECT TO astrocloud_admin USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO astrocloud_worker', name);
        EXECUTE format('GRANT SELECT ON %I TO astrocloud_admin', name);
    END LOOP;
END $$;
GRANT SELECT, UPDATE ON workloads TO astrocloud_api;
GRANT SELECT, INSERT, UPDATE ON tasks TO astrocloud_api;

-- The gateway asks for a release that sleeps: it acts for nobody, and names nothing but a release.
CREATE FUNCTION wake_workload(release uuid, awake interval)
    RETURNS TABLE (tick bigint, is_new boolean, ready boolean, stopped boolean, addresses text[])
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        UPDATE workloads w
            SET awake_until = greatest(w.awake_until, now() + awake), last_request_at = now(),
                due_at = CASE WHEN o.sleeps THEN now() ELSE w.due_at END
            -- Without a time it is due, nobody is at work on it.
            FROM (SELECT release_id, wanted = 0 AND due_at IS NULL AS sleeps
                  FROM workloads WHERE release_id = release FOR UPDATE) o,
                environments e, releases r, accounts a, projects p
            WHERE w.release_id = o.release_id AND w.state IN ('live', 'draining', 'kept')
              AND e.id = w.environment_id AND r.id = w.release_id
              AND a.id = w.account_id AND a.suspended_at IS NULL
              AND p.id = w.project_id AND p.deleted_at IS NULL
            RETURNING w.tick, o.sleeps,
                      w.wanted > 0 AND coalesce((w.status ->> 'ready')::int, 0) > 0,
                      e.stopped_at IS NOT NULL AND w.state = 'live', w.addresses
    $$;

-- What gateways report: requests in flight decide how many replicas there have to be.
CREATE FUNCTION report_load(release uuid, sender text, load real)
    RETURNS TABLE (tick bigint, is_more boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    BEGIN
        INSERT INTO gateway_loads AS g (release_id, gateway, account_id, in_flight)
            SELECT w.release_id, sender, w.account_id, load FROM workloads w
            WHERE w.release_id = release AND w.state <> 'deleted'
            ON CONFLICT (release_id, gateway)
                DO UPDATE SET in_flight = excluded.in_flight, at = now();
        RETURN QUERY
            UPDATE workloads w SET last_request_at = now(),
                awake_until = CASE WHEN w.state = 'live' THEN w.awake_until
                                   ELSE greatest(w.awake_until, now() + interval '10 minutes') END,
                floor = CASE WHEN n.asked >= w.floor OR w.floor_until < now()
                             THEN n.asked ELSE w.floor END,
                floor_until = CASE WHEN n.asked >= w.floor OR w.floor_until < now()
                                   THEN now() + interval '300 seconds' ELSE w.floor_until END,
                due_at = CASE WHEN n.asked > n.floor THEN now() ELSE w.due_at END
            FROM (SELECT v.floor, ceil(
                      (SELECT sum(g.in_flight) FROM gateway_loads g
                       WHERE g.release_id = release AND g.at > now() - interval '15 seconds')
                      / (v.scaling ->> 'requests_per_replica')::real)::int AS asked
                  FROM workloads v WHERE v.release_id = release FOR UPDATE) n
            WHERE w.release_id = release AND w.state <> 'deleted' AND n.asked IS NOT NULL
            RETURNING w.tick, n.asked > n.floor;
    END $$;
REVOKE EXECUTE ON FUNCTION wake_workload(uuid, interval), report_load(uuid, text, real) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wake_workload(uuid, interval), report_load(uuid, text, real)
    TO astrocloud_api;
