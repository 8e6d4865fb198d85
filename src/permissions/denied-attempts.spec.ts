import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { AuditEntry, AuditService } from '../audit/audit.service.js';
import type { Actor } from '../common/principal.js';
import { DeniedAttempts } from './denied-attempts.js';

const someone = (id: string): Actor => ({
  type: 'user',
  id,
  sessionId: null,
  permissions: new Set(),
  requestId: 'r1',
  address: null,
});
const attempt = (id: string) => ({ actor: someone(id), target: { type: 'route', id: 'POST /x' }, missing: ['a:b'] });

function setUp() {
  const written: AuditEntry[] = [];
  const logged: { audited?: boolean; msg: string }[] = [];
  let now = 0;
  let answer: () => Promise<void> = () => Promise.resolve();
  const audit = {
    recordRefusal: (entry: AuditEntry) => {
      written.push(entry);
      return answer();
    },
  } as unknown as AuditService;
  const logger = pino({}, { write: (line: string) => logged.push(JSON.parse(line) as (typeof logged)[number]) });
  const clock = { now: () => new Date(now), monotonic: () => now };
  return {
    attempts: new DeniedAttempts(audit, clock, logger),
    written,
    logged,
    pass: (ms: number) => (now += ms),
    answerWith: (next: () => Promise<void>) => (answer = next),
  };
}

describe('DeniedAttempts', () => {
  it('logs each, and audits the same one once a minute', async () => {
    const { attempts, written, logged, pass } = setUp();
    attempts.note(attempt('ann'));
    attempts.note(attempt('ann'));
    attempts.note(attempt('bob'));
    pass(60_000);
    attempts.note(attempt('ann'));
    await attempts.beforeApplicationShutdown();
    expect(written.map(({ actor }) => actor.id)).toEqual(['ann', 'bob', 'ann']);
    expect(written[0]).toMatchObject({ action: 'access.denied', outcome: 'denied', details: { missing: ['a:b'] } });
    expect(logged).toHaveLength(4);
  });

  it('leaves out what comes while too many writes are pending, says so, and makes up for it later', async () => {
    const { attempts, written, logged, answerWith } = setUp();
    let finish = (): void => undefined;
    const unfinished = new Promise<void>((resolve) => (finish = resolve));
    answerWith(() => unfinished);
    for (let n = 0; n < 100; n++) attempts.note(attempt(`user ${n}`));
    expect(written).toHaveLength(16);
    expect(logged.filter(({ audited }) => audited === false)).toHaveLength(84);
    finish();
    await attempts.beforeApplicationShutdown();
    attempts.note(attempt('user 99'));
    expect(written).toHaveLength(17);
  });

  it('survives a database that is away', async () => {
    const { attempts, logged, answerWith } = setUp();
    answerWith(() => Promise.reject(new Error('away')));
    attempts.note(attempt('ann'));
    await attempts.beforeApplicationShutdown();
    expect(logged.map(({ msg }) => msg)).toEqual(['access denied', 'a denied attempt could not be audited']);
  });
});
