-- What servers write, and how they are used: kept for about a day.

-- Where the log of one environment of a project stands. Its row's lock orders all that follows.
CREATE TABLE runtime_logs (
    project_id  uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    environment text NOT NULL CHECK (environment IN ('production', 'preview')),
    account_id  uuid NOT NULL REFERENCES accounts,
    last_n      bigint NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,        -- of its chunks
    PRIMARY KEY (project_id, environment)
);

CREATE TABLE runtime_chunks (
    project_id  uuid NOT NULL,
    environment text NOT NULL,
    first_n     bigint NOT NULL,
    last_n      bigint NOT NULL CHECK (last_n >= first_n),
    account_id  uuid NOT NULL REFERENCES accounts,
    release_id  uuid NOT NULL,
    from_time   timestamptz NOT NULL,             -- of its lines
    to_time     timestamptz NOT NULL,
    levels      text[] NOT NULL,                  -- that its lines have; '' for none
    lines       bytea NOT NULL,                   -- zlib of a JSON array of lines without n
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, environment, first_n),
    FOREIGN KEY (project_id, environment) REFERENCES runtime_logs ON DELETE CASCADE
);
CREATE INDEX runtime_chunks_age ON runtime_chunks (created_at);

-- How much one release may write now, and what was dropped and not said yet.
CREATE TABLE runtime_releases (
    release_id uuid PRIMARY KEY REFERENCES workloads ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts,
    room       real NOT NULL,
    room_at    timestamptz NOT NULL DEFAULT now(),
    dropped    bigint NOT NULL DEFAULT 0,
    said_at    timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX runtime_releases_dropped ON runtime_releases (said_at) WHERE dropped > 0;

-- How far each writer's records are stored. A partition of Kafka is a writer, too: told_at is the
-- newest time that Kafka gave its messages, which tells a new topic from a repetition.
CREATE TABLE runtime_writers (
    release_id uuid NOT NULL REFERENCES workloads ON DELETE CASCADE,
    writer     text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts,
    sequence   bigint NOT NULL,
    tails      jsonb NOT NULL DEFAULT '{}',
    told_at    bigint,                            -- milliseconds
    topic_at   bigint,                            -- told_at of the topic before
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (release_id, writer)
);
CREATE INDEX runtime_writers_age ON runtime_writers (seen_at);

-- Requests of one release in one minute. in_flight_ms is requests in flight times milliseconds.
CREATE TABLE traffic_minutes (
    release_id    uuid NOT NULL,
    minute        timestamptz NOT NULL,
    account_id    uuid NOT NULL REFERENCES accounts,
    project_id    uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    environment   text NOT NULL,
    requests      bigint NOT NULL,
    errors        bigint NOT NULL,
    in_flight_ms  double precision NOT NULL,
    in_flight_max real NOT NULL,
    latency       bigint[] NOT NULL,              -- one count a bucket, as shared.metrics.models
    PRIMARY KEY (release_id, minute)
);
CREATE INDEX traffic_minutes_page ON traffic_minutes (project_id, environment, minute);
CREATE INDEX traffic_minutes_age ON traffic_minutes (minute);

-- The last report of each gateway: one that comes again is known by it.
CREATE TABLE gateway_reports (
    gateway  text PRIMARY KEY,
    sequence bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);

-- What one replica used in one minute, as sums over its samples.
CREATE TABLE usage_minutes (
    release_id   uuid NOT NULL,
    replica      text NOT NULL,
    minute       timestamptz NOT NULL,
    account_id   uuid NOT NULL REFERENCES accounts,
    project_id   uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    environment  text NOT NULL,
    process      text NOT NULL,
    cpu_millis   bigint,
    cpu_samples  integer NOT NULL,
    memory_bytes bigint,                          -- the most of the minute
    PRIMARY KEY (release_id, replica, minute)
);
CREATE INDEX usage_minutes_page ON usage_minutes (project_id, environment, minute);
CREATE INDEX usage_minutes_age ON usage_minutes (minute);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['runtime_logs', 'runtime_chunks', 'runtime_releases',
                                'runtime_writers', 'traffic_minutes', 'usage_minutes'] LOOP
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
ALTER TABLE gateway_reports ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON gateway_reports TO astrocloud_worker USING (true);
GRANT SELECT, DELETE ON gateway_reports TO astrocloud_worker;
GRANT SELECT ON runtime_logs, runtime_chunks, traffic_minutes, usage_minutes TO astrocloud_api;

-- A gateway's report: it acts for nobody, and names nothing but releases. False where the report
-- was taken before. `loads` is [{release, requests, errors, in_flight, latency: [n, …]}].
CREATE FUNCTION record_traffic(sender text, number bigint, period_ms integer, loads jsonb)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    BEGIN
        INSERT INTO gateway_reports AS g (gateway, sequence) VALUES (sender, number)
            ON CONFLICT (gateway) DO UPDATE SET sequence = excluded.sequence, at = now()
            WHERE g.sequence < excluded.sequence;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        INSERT INTO traffic_minutes AS t
            SELECT w.release_id, date_trunc('minute', now()), w.account_id, w.project_id,
                   w.environment, l.requests, l.errors, l.in_flight * period_ms, l.in_flight,
                   l.latency
            FROM jsonb_to_recordset(loads) AS l
                     (release uuid, requests bigint, errors bigint, in_flight real, latency bigint[])
                 JOIN workloads w ON w.release_id = l.release
            ORDER BY w.release_id
            ON CONFLICT (release_id, minute) DO UPDATE
            SET requests = t.requests + excluded.requests, errors = t.errors + excluded.errors,
                in_flight_ms = t.in_flight_ms + excluded.in_flight_ms,
                in_flight_max = greatest(t.in_flight_max, excluded.in_flight_max),
                latency = ARRAY(SELECT a + b
                                FROM unnest(t.latency, excluded.latency) WITH ORDINALITY
                                     AS u (a, b, i) ORDER BY i);
        RETURN true;
    END $$;
REVOKE EXECUTE ON FUNCTION record_traffic(text, bigint, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_traffic(text, bigint, integer, jsonb) TO astrocloud_api;
