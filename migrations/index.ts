import { Core1763700000000 } from './1763700000000-core.js';
import { ValidityWindow1763700000001 } from './1763700000001-validity-window.js';
import { BuiltIns1763700000002 } from './1763700000002-built-ins.js';
import { Clients1763800000000 } from './1763800000000-clients.js';
import { IssuedTokens1763800000001 } from './1763800000001-issued-tokens.js';
import { KeyLifecycle1763800000002 } from './1763800000002-key-lifecycle.js';
import { Subscribers1763800000003 } from './1763800000003-subscribers.js';
import { MailFlows1763900000000 } from './1763900000000-mail-flows.js';
import { SecondFactors1763900000001 } from './1763900000001-second-factors.js';
import { SessionLifetimes1763900000002 } from './1763900000002-session-lifetimes.js';
import { Passkeys1763900000003 } from './1763900000003-passkeys.js';
import { Erasure1763900000004 } from './1763900000004-erasure.js';
import { TotpCeiling1764000000010 } from './1764000000010-totp-ceiling.js';
import { AnnouncedRewrap1764000000011 } from './1764000000011-announced-rewrap.js';
import { PasswordDue1764000000030 } from './1764000000030-password-due.js';
import { FormerNames1764000000031 } from './1764000000031-former-names.js';
import { ErasureInFlight1764000000032 } from './1764000000032-erasure-in-flight.js';
import { AsciiAddresses1764000000050 } from './1764000000050-ascii-addresses.js';

/** Every migration, oldest first. Listed by hand: TypeORM's globs match nothing in an ES module and say nothing about it. */
export const migrations = [
  Core1763700000000,
  ValidityWindow1763700000001,
  BuiltIns1763700000002,
  Clients1763800000000,
  IssuedTokens1763800000001,
  KeyLifecycle1763800000002,
  Subscribers1763800000003,
  MailFlows1763900000000,
  SecondFactors1763900000001,
  SessionLifetimes1763900000002,
  Passkeys1763900000003,
  Erasure1763900000004,
  TotpCeiling1764000000010,
  AnnouncedRewrap1764000000011,
  PasswordDue1764000000030,
  FormerNames1764000000031,
  ErasureInFlight1764000000032,
  AsciiAddresses1764000000050,
];
