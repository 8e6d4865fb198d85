import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People and what they may do, sessions, signing keys, the audit trail. Once landed it never changes; later migrations add to it. */
export class Core1763700000000 implements MigrationInterface {
  name = 'Core1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [people, epochs, sessions, signingKeys, auditTrail, rateLimits]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rate_limits, audit_events, signing_keys, sessions, user_roles, role_permissions, roles, permissions, users;
      DROP FUNCTION users_before_update, roles_before_update;
    `);
  }
}

const people = `
CREATE TABLE users (
  id uuid CONSTRAINT users_pkey PRIMARY KEY,
  username text NOT NULL,
  email text,
  display_name text,
  status text NOT NULL DEFAULT 'active' CONSTRAINT users_status CHECK (status IN ('active', 'disabled')),
  password_hash text,
  must_change_password boolean NOT NULL DEFAULT false,
  credentials_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  session_epoch bigint NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT users_username_shape CHECK (username <> '' AND char_length(username) <= 64 AND strpos(username, '@') = 0),
  CONSTRAINT users_email_shape CHECK (char_length(email) <= 254)
);
CREATE UNIQUE INDEX users_username_key ON users (lower(username) text_pattern_ops);
CREATE UNIQUE INDEX users_email_key ON users (lower(email) text_pattern_ops);

CREATE TABLE permissions (
  name text CONSTRAINT permissions_pkey PRIMARY KEY CONSTRAINT permissions_name_shape CHECK (name ~ '^\\S+$'),
  description text,
  built_in boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE roles (
  name text CONSTRAINT roles_pkey PRIMARY KEY CONSTRAINT roles_name_shape CHECK (name ~ '^\\S+$'),
  description text,
  built_in boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE role_permissions (
  role_name text NOT NULL CONSTRAINT role_permissions_role REFERENCES roles (name) ON UPDATE CASCADE ON DELETE CASCADE,
  permission_name text NOT NULL
    CONSTRAINT role_permissions_permission REFERENCES permissions (name) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT role_permissions_pkey PRIMARY KEY (role_name, permission_name)
);
CREATE INDEX role_permissions_permission_name ON role_permissions (permission_name);

CREATE TABLE user_roles (
  user_id uuid NOT NULL CONSTRAINT user_roles_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  role_name text NOT NULL CONSTRAINT user_roles_role REFERENCES roles (name) ON UPDATE CASCADE ON DELETE CASCADE,
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role_name)
);
CREATE INDEX user_roles_role_name ON user_roles (role_name);
`;

const epochs = `
-- portcullis.rehash = 'on' (SET LOCAL) marks a stronger hash of the same password: no credential changes, no session ends.
CREATE FUNCTION users_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  rehash boolean := coalesce(current_setting('portcullis.rehash', true), '') = 'on';
  new_password boolean := NEW.password_hash IS DISTINCT FROM OLD.password_hash AND NOT rehash;
BEGIN
  IF new_password AND NEW.credentials_changed_at IS NOT DISTINCT FROM OLD.credentials_changed_at THEN
    NEW.credentials_changed_at := greatest(clock_timestamp(), OLD.credentials_changed_at + interval '1 microsecond');
  END IF;
  NEW.session_epoch := greatest(NEW.session_epoch, OLD.session_epoch);
  IF new_password OR NEW.credentials_changed_at IS DISTINCT FROM OLD.credentials_changed_at
      OR (OLD.status = 'active' AND NEW.status <> 'active') OR NEW.id <> OLD.id THEN
    NEW.session_epoch := OLD.session_epoch + 1;
  END IF;
  IF NOT rehash THEN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION roles_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER users_before_update BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION users_before_update();
CREATE TRIGGER roles_before_update BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION roles_before_update();
`;

/*
 * A session stores the epoch and the clock that were read together with the password hash that was checked. Of its refresh tokens it
 * stores the hash of the newest and when the latest ones were used; older ones prove themselves by their MAC.
 */
const sessions = `
CREATE TABLE sessions (
  id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT sessions_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  session_epoch bigint NOT NULL,
  started_as_of bigint NOT NULL,
  client_id text NOT NULL,
  audience text[] NOT NULL,
  refresh_generation integer NOT NULL DEFAULT 0,
  refresh_hash bytea NOT NULL,
  refresh_uses timestamptz[] NOT NULL DEFAULT '{}',
  user_agent text,
  address text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_reason text
) WITH (fillfactor = 80);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
`;

/* private_key is AES-256-GCM under the master key named by master_key_id, or null once the key no longer signs. */
const signingKeys = `
CREATE TABLE signing_keys (
  kid text CONSTRAINT signing_keys_pkey PRIMARY KEY CONSTRAINT signing_keys_kid_shape CHECK (kid <> ''),
  algorithm text NOT NULL,
  audience text,
  state text NOT NULL
    CONSTRAINT signing_keys_state CHECK (state IN ('pending', 'active', 'retiring', 'retired', 'revoked')),
  public_jwk jsonb,
  private_key bytea,
  master_key_id text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  activated_at timestamptz,
  retiring_at timestamptz,
  retired_at timestamptz,
  revoked_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (algorithm, coalesce(audience, '')) WHERE state = 'active';
`;

const auditTrail = `
CREATE TABLE audit_events (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_events_pkey PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL,
  outcome text NOT NULL CONSTRAINT audit_events_outcome CHECK (outcome IN ('success', 'failure', 'denied')),
  actor_type text NOT NULL CONSTRAINT audit_events_actor CHECK (actor_type IN ('user', 'client', 'system', 'anonymous')),
  actor_id text,
  session_id text,
  target_type text,
  target_id text,
  request_id text,
  address text,
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_action ON audit_events (action, id);
CREATE INDEX audit_events_actor_id ON audit_events (actor_id, id);
CREATE INDEX audit_events_target ON audit_events (target_id, id);
`;

/* The columns are those of rate-limiter-flexible's Postgres store. */
const rateLimits = `
CREATE TABLE rate_limits (
  key varchar(255) CONSTRAINT rate_limits_pkey PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);
`;
