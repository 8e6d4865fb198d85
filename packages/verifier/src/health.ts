/** How a verifier is doing. Counts are since it was made. */
export interface Health {
  /** `starting`: no answer yet. `degraded`: nothing is known since `maxStaleness`, or nothing is ever asked, or it was closed. */
  readonly status: 'ok' | 'starting' | 'degraded';
  /** Whether the feed is followed and answers. */
  readonly connected: boolean;
  /** How old the knowledge is on which tokens are decided, in ms; null before the first answer. */
  readonly ageMs: number | null;
  /** The `seq` that the window has reached. */
  readonly position: number;
  /** Events held in memory. */
  readonly events: number;
  /** Keys of the issuer that are known. */
  readonly keys: number;
  readonly accepted: number;
  readonly refused: number;
  /** Neither accepted nor refused, because it could not be known: answered with 503. */
  readonly unavailable: number;
  /** Of those accepted, by `accept-until-exp` while the feed was cut. */
  readonly acceptedOnOldKnowledge: number;
  readonly introspected: number;
}
