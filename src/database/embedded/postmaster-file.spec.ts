import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePostmasterFile } from './postmaster-file.js';

const READY = `9784
/srv/data/pg18
1763765721
5432
/tmp/portcullis-00d8fafe07c9

  1234567         8
ready   
`;

describe('parsePostmasterFile', () => {
  it('reads a server on a unix socket', () => {
    expect(parsePostmasterFile(READY)).toEqual({
      pid: 9784,
      status: 'ready',
      endpoint: { host: '/tmp/portcullis-00d8fafe07c9', port: 5432 },
    });
  });

  it('reads a server on loopback', () => {
    expect(parsePostmasterFile('12\nC:/data\n1\n50123\n\n127.0.0.1\n\nstopping\n')).toEqual({
      pid: 12,
      status: 'stopping',
      endpoint: { host: '127.0.0.1', port: 50_123 },
    });
  });

  it('reads a single-user backend', () => {
    expect(parsePostmasterFile('-77\n/srv/data/pg18\n')).toEqual({ pid: 77, status: '' });
  });

  it('takes a file that is being written for what is there already', () => {
    expect(parsePostmasterFile('')).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(READY.length), (length) => {
        const parsed = parsePostmasterFile(READY.slice(0, length));
        expect(parsed?.status === 'ready').toBe(length >= READY.indexOf('ready') + 'ready'.length);
      }),
    );
  });
});
