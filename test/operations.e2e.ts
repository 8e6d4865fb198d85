import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(async () => {
  await app.close();
});

describe('health', () => {
  it('is live', async () => {
    const answer = await app.http.get('/health/live');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ status: 'ok' });
  });

  it('is ready', async () => {
    const answer = await app.http.get('/health/ready');
    expect(answer.body.status).toBe('ok');
  });
});
