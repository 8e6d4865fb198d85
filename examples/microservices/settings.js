/**
 * What every service here is told from outside: where tokens come from, who it is itself, and where the other one is.
 *
 * @returns {{ verifier: import('@portcullis/verifier').VerifierOptions, billing: string }}
 */
export function settings() {
  const { ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET, BILLING } = process.env;
  return {
    verifier: {
      ...{ issuer: ISSUER, audience: AUDIENCE, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET },
      // How old its knowledge may be, in ms: so long a service goes on when Portcullis cannot be reached.
      maxStaleness: 1000,
      onNotice: ({ message }) => console.log(message),
    },
    billing: BILLING,
  };
}
