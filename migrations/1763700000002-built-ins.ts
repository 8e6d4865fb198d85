import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The permissions that the service itself asks for, and the two roles that come with it. */
export class BuiltIns1763700000002 implements MigrationInterface {
  name = 'BuiltIns1763700000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(builtIns);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM roles WHERE built_in; DELETE FROM permissions WHERE built_in;`);
  }
}

const builtIns = `
INSERT INTO permissions (name, description, built_in) VALUES
  ('users:read', 'Read users', true), ('users:write', 'Create, change, disable and delete users', true),
  ('roles:read', 'Read roles and permissions', true), ('roles:write', 'Create, change and delete roles and permissions', true),
  ('keys:read', 'Read signing keys', true), ('keys:write', 'Rotate and revoke signing keys', true),
  ('clients:read', 'Read clients and audiences', true), ('clients:write', 'Create, change and delete clients and audiences', true),
  ('tokens:generate', 'Generate tokens and list them', true), ('tokens:introspect', 'Introspect tokens', true),
  ('tokens:revoke', 'Revoke tokens', true), ('tokens:explain', 'Explain why a token is accepted or refused', true),
  ('sessions:read', 'Read the sessions of others', true), ('sessions:write', 'End the sessions of others', true),
  ('validity:read', 'Follow the validity feed', true), ('validity:write', 'Force the expiration of tokens', true),
  ('audit:read', 'Read the audit trail', true);
INSERT INTO roles (name, description, built_in) VALUES
  ('admin', 'Everything', true), ('auditor', 'Reads everything, changes nothing', true);
INSERT INTO role_permissions (role_name, permission_name)
  SELECT 'admin', name FROM permissions UNION ALL SELECT 'auditor', name FROM permissions WHERE name LIKE '%:read';
`;
