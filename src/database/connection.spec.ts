import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { connectionTo, describeConnection, withoutPassword } from './connection.js';

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
const host = fc.constantFrom('/tmp/portcullis-00d8fafe07c9', '/var/folders/a b/ü%20', '127.0.0.1', 'db.example');
const port = fc.integer({ min: 1, max: 65_535 });

describe('connectionTo', () => {
  it('makes a URL that pg reads back as it was meant', () => {
    fc.assert(
      fc.property(
        host,
        port,
        name,
        name,
        fc.option(text, { nil: undefined }),
        (host, port, user, database, password) => {
          const parts = { host, port, user, database, ...(password === undefined ? {} : { password }) };
          const client = new Client({ connectionString: connectionTo(parts).url });
          expect(client).toMatchObject({ host, port, user, database });
          if (password !== undefined) expect(client.password).toBe(password);
        },
      ),
    );
  });

  it('makes a URL in which TypeORM finds the database and the user', () => {
    const { url } = connectionTo({ host: '/tmp/p', port: 5432, user: 'portcullis', database: 'tokens' });
    const { driver } = new DataSource({ type: 'postgres', url });
    expect(driver.database).toBe('tokens');
    expect(driver.options).toMatchObject({ url });
  });
});

describe('describeConnection', () => {
  it('says where, as whom and which database, and nothing else', () => {
    expect(describeConnection('postgres://app:secret@db.example:6432/tokens?sslmode=require')).toBe(
      'app@db.example:6432/tokens',
    );
    expect(describeConnection('postgres://app@localhost/tokens?host=%2Frun%2Fpg')).toBe('app@/run/pg/tokens');
    expect(describeConnection('postgres://app:secret@/tokens?host=/run/pg')).toBe('app@/run/pg/tokens');
    expect(describeConnection('no url: secret')).toBe('an unreadable URL');
  });

  it('never holds the password', () => {
    // Long enough not to be a part of the rest by chance.
    const password = fc.string({ minLength: 12, maxLength: 40 });
    fc.assert(
      fc.property(host, port, name, name, password, (host, port, user, database, password) => {
        const { url } = connectionTo({ host, port, user, database, password });
        expect(describeConnection(url)).not.toContain(password);
        expect(describeConnection(url)).not.toContain(encodeURIComponent(password));
      }),
    );
  });
});

describe('withoutPassword', () => {
  it('strikes out the password as it is, and as it stands in the URL', () => {
    // Not a run of asterisks, which is what it is struck out with.
    const password = fc.string({ minLength: 2, maxLength: 40 }).filter((value) => !/^\*+$/.test(value));
    fc.assert(
      fc.property(name, password, (user, password) => {
        const { url } = connectionTo({ host: 'db.example', port: 5432, user, database: 'tokens', password });
        for (const form of [password, new URL(url).password]) expect(withoutPassword(form, url)).toBe('***');
      }),
    );
  });

  it('strikes out one that is given as a parameter', () => {
    expect(withoutPassword('wrong: s3cret', 'postgres://app@db/tokens?password=s3cret')).toBe('wrong: ***');
  });

  it('strikes out a URL that it cannot read', () => {
    expect(withoutPassword('Invalid URL: post gres//a:b@c', 'post gres//a:b@c')).toBe('Invalid URL: <url>');
  });
});
