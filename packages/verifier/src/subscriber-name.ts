/** How one instance of a client may call itself in the issuer's list of subscribers. */
const SUBSCRIBER = /^[A-Za-z0-9._:-]{1,64}$/;

export function isSubscriberName(text: string): boolean {
  return SUBSCRIBER.test(text);
}

/** For messages about what is none. */
export const SUBSCRIBER_FORM = '1 to 64 letters, digits, . _ : or -';
