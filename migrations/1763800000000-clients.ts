import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Clients (callers that are programs), and audiences (services that tokens are for), with the events that end their tokens. */
export class Clients1763800000000 implements MigrationInterface {
  name = 'Clients1763800000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [tables, functions, triggers]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE used_assertions, client_audiences, client_permissions, client_secrets, clients, audiences;
      DROP FUNCTION audiences_before_update, clients_before_update, client_secrets_changed, validity_note_audience,
        validity_note_client_facts;
    `);
  }
}

/*
 * Of a secret only its SHA-256 is stored: 256 random bits need no slow hash. epoch goes up with every change of what a client proves itself
 * by. used_assertions remembers the identifiers of private_key_jwt assertions while these could be replayed.
 */
const tables = `
CREATE TABLE audiences (
  identifier text CONSTRAINT audiences_pkey PRIMARY KEY
    CONSTRAINT audiences_identifier_shape CHECK (identifier ~ '^\\S+$' AND char_length(identifier) <= 200),
  algorithm text NOT NULL,
  token_ttl_seconds integer CONSTRAINT audiences_token_ttl CHECK (token_ttl_seconds > 0),
  claims jsonb NOT NULL DEFAULT '{}',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE clients (
  client_id text CONSTRAINT clients_pkey PRIMARY KEY
    CONSTRAINT clients_client_id_shape CHECK (client_id ~ '^[A-Za-z0-9._-]{1,128}$' AND lower(client_id) <> 'portcullis'),
  name text NOT NULL CONSTRAINT clients_name_shape CHECK (name <> '' AND char_length(name) <= 200),
  status text NOT NULL DEFAULT 'active' CONSTRAINT clients_status CHECK (status IN ('active', 'disabled')),
  jwks jsonb,
  epoch bigint NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX clients_created_at ON clients (created_at, client_id);

CREATE TABLE client_secrets (
  id uuid CONSTRAINT client_secrets_pkey PRIMARY KEY,
  client_id text NOT NULL
    CONSTRAINT client_secrets_client REFERENCES clients (client_id) ON UPDATE CASCADE ON DELETE CASCADE,
  hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz
);
CREATE INDEX client_secrets_client_id ON client_secrets (client_id);

CREATE TABLE client_permissions (
  client_id text NOT NULL
    CONSTRAINT client_permissions_client REFERENCES clients (client_id) ON UPDATE CASCADE ON DELETE CASCADE,
  permission_name text NOT NULL
    CONSTRAINT client_permissions_permission REFERENCES permissions (name) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT client_permissions_pkey PRIMARY KEY (client_id, permission_name)
);
CREATE INDEX client_permissions_permission_name ON client_permissions (permission_name);

CREATE TABLE client_audiences (
  client_id text NOT NULL
    CONSTRAINT client_audiences_client REFERENCES clients (client_id) ON UPDATE CASCADE ON DELETE CASCADE,
  audience text NOT NULL
    CONSTRAINT client_audiences_identifier REFERENCES audiences (identifier) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT client_audiences_pkey PRIMARY KEY (client_id, audience)
);
CREATE INDEX client_audiences_audience ON client_audiences (audience);

CREATE TABLE used_assertions (
  client_id text NOT NULL
    CONSTRAINT used_assertions_client REFERENCES clients (client_id) ON UPDATE CASCADE ON DELETE CASCADE,
  jti text NOT NULL CONSTRAINT used_assertions_jti_shape CHECK (char_length(jti) <= 256),
  expires_at timestamptz NOT NULL,
  CONSTRAINT used_assertions_pkey PRIMARY KEY (client_id, jti)
);
CREATE INDEX used_assertions_expires_at ON used_assertions (expires_at);
`;

const functions = `
CREATE FUNCTION audiences_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE FUNCTION clients_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.epoch := greatest(NEW.epoch, OLD.epoch);
  IF NEW.jwks IS DISTINCT FROM OLD.jwks OR NEW.client_id <> OLD.client_id
      OR (OLD.status = 'active' AND NEW.status <> 'active') THEN
    NEW.epoch := OLD.epoch + 1;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

-- The first secret of a client that this transaction creates changes nothing that anyone could hold, nor does the removal of an expired one.
CREATE FUNCTION client_secrets_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.expires_at <= clock_timestamp() THEN RETURN NULL; END IF;
  UPDATE clients SET epoch = epoch + 1 WHERE client_id = coalesce(OLD.client_id, NEW.client_id)
    AND NOT (TG_OP = 'INSERT' AND created_at >= transaction_timestamp() AND xmin = pg_current_xact_id()::xid);
  RETURN NULL;
END $$;

CREATE FUNCTION validity_note_client_facts()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM clients WHERE client_id = OLD.client_id) THEN
    PERFORM validity_record('client', OLD.client_id, 'facts_changed');
  END IF;
  RETURN NULL;
END $$;

-- Whoever holds the secret of an audience that is no more could go on minting: so its keys go with it, and those of an algorithm that it no
-- longer has.
CREATE FUNCTION validity_note_audience()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE signing_keys SET state = 'revoked', private_key = NULL, revoked_at = clock_timestamp()
    WHERE audience = OLD.identifier AND state <> 'revoked'
      AND (NEW.identifier IS DISTINCT FROM OLD.identifier OR NEW.algorithm <> algorithm);
  PERFORM validity_record('audience', OLD.identifier, 'forced_expiration');
  RETURN NULL;
END $$;
`;

const triggers = `
CREATE TRIGGER audiences_before_update BEFORE UPDATE ON audiences FOR EACH ROW EXECUTE FUNCTION audiences_before_update();
CREATE TRIGGER clients_before_update BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION clients_before_update();
CREATE TRIGGER client_secrets_changed AFTER INSERT OR UPDATE OR DELETE ON client_secrets FOR EACH ROW
  EXECUTE FUNCTION client_secrets_changed();

CREATE CONSTRAINT TRIGGER validity_audience_changed AFTER UPDATE ON audiences DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.identifier <> NEW.identifier OR OLD.algorithm <> NEW.algorithm) EXECUTE FUNCTION validity_note_audience();
CREATE CONSTRAINT TRIGGER validity_audience_deleted AFTER DELETE ON audiences DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note_audience();

CREATE CONSTRAINT TRIGGER validity_1_client_credentials AFTER UPDATE ON clients DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.epoch <> NEW.epoch AND NOT (OLD.status = 'active' AND NEW.status <> 'active'))
  EXECUTE FUNCTION validity_note('client', 'client_id', 'credentials_changed');
CREATE CONSTRAINT TRIGGER validity_2_client_status AFTER UPDATE ON clients DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.status = 'active' AND NEW.status <> 'active')
  EXECUTE FUNCTION validity_note('client', 'client_id', 'client_disabled');
CREATE CONSTRAINT TRIGGER validity_3_client_deleted AFTER DELETE ON clients DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note('client', 'client_id', 'client_disabled');

CREATE CONSTRAINT TRIGGER validity_client_permission_changed AFTER UPDATE ON client_permissions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.client_id <> NEW.client_id OR OLD.permission_name <> NEW.permission_name)
  EXECUTE FUNCTION validity_note_client_facts();
CREATE CONSTRAINT TRIGGER validity_client_permission_deleted AFTER DELETE ON client_permissions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION validity_note_client_facts();
CREATE CONSTRAINT TRIGGER validity_client_audience_changed AFTER UPDATE ON client_audiences
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.client_id <> NEW.client_id OR OLD.audience <> NEW.audience)
  EXECUTE FUNCTION validity_note_client_facts();
CREATE CONSTRAINT TRIGGER validity_client_audience_deleted AFTER DELETE ON client_audiences
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION validity_note_client_facts();

DO $$ DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['audiences', 'clients', 'client_secrets', 'client_permissions', 'client_audiences'] LOOP
    EXECUTE format('CREATE TRIGGER validity_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT
      EXECUTE FUNCTION validity_refuse_truncate()', t);
  END LOOP;
END $$;

-- Also under session_replication_role = replica, as restores and replication tools set it.
DO $$ DECLARE r record;
BEGIN
  FOR r IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
      WHERE NOT tgisinternal AND tgenabled <> 'A' AND tgrelid IN ('audiences'::regclass, 'clients'::regclass,
        'client_secrets'::regclass, 'client_permissions'::regclass, 'client_audiences'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.tgname);
  END LOOP;
END $$;
`;
