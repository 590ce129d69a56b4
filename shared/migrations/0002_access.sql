-- Who may see and do what. The api role sees the accounts of the user whom the transaction names,
-- narrowed to one where it is named; without a user it sees nothing. The worker acts for all
-- accounts; the admin app reads.

-- Enters the scope of a transaction. The accounts are looked up once here, not by each policy.
CREATE FUNCTION enter_scope(acting uuid, only_account uuid, session uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        SELECT set_config('astrocloud.user_id', coalesce(acting::text, ''), true),
               set_config('astrocloud.session_id', coalesce(session::text, ''), true),
               set_config('astrocloud.accounts', (
                   SELECT coalesce(array_agg(account_id), '{}')::text FROM members
                   WHERE user_id = acting
                     AND account_id = coalesce(only_account, account_id)), true)
    $$;

CREATE FUNCTION acting_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('astrocloud.user_id', true), '')::uuid;

CREATE FUNCTION visible_accounts() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('astrocloud.accounts', true), ''), '{}')::uuid[];

DO $$
DECLARE
    name text;
    tenant_tables text[] := ARRAY[
        'projects', 'uploads', 'environments', 'deployments', 'deployment_events', 'releases',
        'objects', 'object_forms', 'hosts', 'deliveries', 'log_streams', 'log_chunks', 'audit'];
    other_tables text[] := ARRAY[
        'accounts', 'users', 'members', 'sessions', 'used_tickets', 'idempotency_keys'];
BEGIN
    FOREACH name IN ARRAY tenant_tables LOOP
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO astrocloud_api '
            'USING (account_id = ANY ((SELECT visible_accounts())::uuid[]))', name);
    END LOOP;
    FOREACH name IN ARRAY tenant_tables || other_tables LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON %I TO astrocloud_worker USING (true)', name);
        EXECUTE format('CREATE POLICY admin ON %I FOR SELECT TO astrocloud_admin USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO astrocloud_worker', name);
    END LOOP;
    FOREACH name IN ARRAY tenant_tables LOOP
        EXECUTE format('GRANT SELECT ON %I TO astrocloud_admin', name);
    END LOOP;
END $$;

CREATE POLICY tenant ON accounts TO astrocloud_api
    USING (id = ANY ((SELECT visible_accounts())::uuid[]));
CREATE POLICY own ON users TO astrocloud_api USING (id = acting_user());
CREATE POLICY own ON members TO astrocloud_api
    USING (user_id = acting_user() OR account_id = ANY ((SELECT visible_accounts())::uuid[]));
CREATE POLICY own ON idempotency_keys TO astrocloud_api USING (user_id = acting_user());
-- A session is found by the id within the refresh token, before its user is known.
CREATE POLICY own ON sessions TO astrocloud_api
    USING (id = nullif(current_setting('astrocloud.session_id', true), '')::uuid
           OR user_id = acting_user());
CREATE POLICY own ON used_tickets TO astrocloud_api USING (true);

GRANT SELECT ON accounts, users, members TO astrocloud_api, astrocloud_admin;
GRANT SELECT, INSERT, UPDATE ON sessions TO astrocloud_api;
GRANT SELECT, INSERT ON used_tickets TO astrocloud_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO astrocloud_api;
GRANT SELECT, INSERT, UPDATE ON projects, environments, deployments, deliveries
    TO astrocloud_api;
GRANT SELECT, UPDATE ON hosts TO astrocloud_api;
GRANT SELECT, INSERT ON uploads, deployment_events, audit TO astrocloud_api;
GRANT SELECT ON releases, log_streams, log_chunks TO astrocloud_api;

-- Takes a host name for a project's environment: a new one, one that the account itself gave up, or
-- one that another gave up and that has rested. The caller must not see another tenant's row.
CREATE FUNCTION claim_host(candidate text, project uuid, environment uuid, rest interval)
    RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    DECLARE
        owner_account uuid;
    BEGIN
        SELECT account_id INTO STRICT owner_account FROM projects
            WHERE id = project AND account_id = ANY (visible_accounts());
        INSERT INTO hosts AS h (host, account_id, project_id, environment_id)
            VALUES (candidate, owner_account, project, environment)
            ON CONFLICT (host) DO UPDATE
            SET account_id = excluded.account_id, project_id = excluded.project_id,
                environment_id = excluded.environment_id, release_id = NULL,
                generation = h.generation + 1, created_at = now(), freed_at = NULL
            WHERE h.freed_at < now() - rest
               OR (h.freed_at IS NOT NULL AND h.account_id = owner_account);
        RETURN FOUND;
    END $$;

-- The development sign-in makes the developer and a personal account at its first use.
CREATE FUNCTION development_user() RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    DECLARE
        developer uuid;
        own_account uuid;
    BEGIN
        INSERT INTO users (login, name) VALUES ('developer', 'Developer')
            ON CONFLICT (login) DO UPDATE SET login = excluded.login RETURNING id INTO developer;
        INSERT INTO accounts (slug, name) VALUES ('developer', 'Developer')
            ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING id INTO own_account;
        INSERT INTO members (account_id, user_id, role) VALUES (own_account, developer, 'owner')
            ON CONFLICT DO NOTHING;
        RETURN developer;
    END $$;

REVOKE EXECUTE ON FUNCTION
    enter_scope(uuid, uuid, uuid), development_user(), claim_host(text, uuid, uuid, interval)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    enter_scope(uuid, uuid, uuid), development_user(), claim_host(text, uuid, uuid, interval)
    TO astrocloud_api;
