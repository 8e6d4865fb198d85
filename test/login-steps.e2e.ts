import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, type Person } from './support/people.js';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' } });
  admin = await app.admin();
  await admin.post('/v1/roles', { name: 'operator', permissions: [] });
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await createPerson(admin);
});

const outcome = ({ status, body }: Answer<Record<string, unknown>>): string =>
  status === 200 ? 'tokens' : `${status} ${String(body['code'])}`;

describe('a second factor that is missing', () => {
  it('costs nobody the refresh token that is refused for it: once the role is taken back, it is good', async () => {
    const { refreshToken } = await signIn(app.http, ann);
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['operator'] });
    const byOAuth = () =>
      fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: 'portcullis',
        }),
      });
    for (let time = 0; time < 2; time++) {
      expect(await refreshVerdict(app.http, refreshToken)).toBe('401 invalid_grant');
      const audience = { refresh_token: refreshToken, audience: ['http://localhost:3000'] };
      expect(outcome(await app.http.post('/v1/auth/refresh', audience))).toBe('401 invalid_grant');
      expect((await byOAuth()).status).toBe(400);
    }
    const [session] = await app.database.query(
      'SELECT refresh_generation, revoked_at FROM sessions WHERE user_id = $1',
      [ann.id],
    );
    expect(session).toEqual({ refresh_generation: 0, revoked_at: null });
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: [] });
    expect(await refreshVerdict(app.http, refreshToken)).toBe('refreshed');
  });
});
