-- API tokens of programs, and invitations of people, both within one account.

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    scopes       text[] NOT NULL,
    secret_hash  bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_tokens_page ON api_tokens (account_id, created_at DESC);

CREATE TABLE invitations (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    created_by  uuid NOT NULL REFERENCES users,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_by uuid REFERENCES users,
    accepted_at timestamptz,
    revoked_at  timestamptz
);
CREATE INDEX invitations_page ON invitations (account_id, created_at DESC);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['api_tokens', 'invitations'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO astrocloud_api '
            'USING (account_id = ANY ((SELECT visible_accounts())::uuid[]))', name);
        EXECUTE format('CREATE POLICY worker ON %I TO astrocloud_worker USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO astrocloud_api', name);
        EXECUTE format('GRANT SELECT, DELETE ON %I TO astrocloud_worker', name);
    END LOOP;
END $$;

-- Members are seen by all members of the account, and changed by those whom the service lets.
GRANT UPDATE, DELETE ON members TO astrocloud_api;
CREATE POLICY colleagues ON users FOR SELECT TO astrocloud_api
    USING (id IN (SELECT user_id FROM members
                  WHERE account_id = ANY ((SELECT visible_accounts())::uuid[])));

-- Finds a token before its user is known, while the user is still a member; notes its use.
CREATE FUNCTION find_api_token(token uuid)
    RETURNS TABLE (user_id uuid, account_id uuid, scopes text[], secret_hash bytea, ended boolean)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        UPDATE api_tokens SET last_used_at = now()
            WHERE id = token AND coalesce(last_used_at, '-infinity') < now() - interval '1 minute';
        SELECT t.user_id, t.account_id, t.scopes, t.secret_hash,
               t.revoked_at IS NOT NULL OR t.expires_at < now()
        FROM api_tokens t JOIN members m USING (user_id, account_id) WHERE t.id = token
    $$;

-- Makes whoever holds an invitation a member, once.
CREATE FUNCTION accept_invitation(invitation uuid, guest uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    DECLARE
        joined uuid;
        given text;
    BEGIN
        UPDATE invitations SET accepted_by = guest, accepted_at = now()
            WHERE id = invitation AND accepted_at IS NULL AND revoked_at IS NULL
              AND expires_at > now()
            RETURNING account_id, role INTO joined, given;
        IF joined IS NOT NULL THEN
            INSERT INTO members (account_id, user_id, role) VALUES (joined, guest, given)
                ON CONFLICT DO NOTHING;
        END IF;
        RETURN joined;
    END $$;

REVOKE EXECUTE ON FUNCTION find_api_token(uuid), accept_invitation(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_token(uuid), accept_invitation(uuid, uuid) TO astrocloud_api;
