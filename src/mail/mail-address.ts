/** An atom on either side of one `@`: no quotes, brackets, commas or spaces, by which one address becomes two or ends a header. */
const SENDABLE = /^[^\s\p{Cc}<>()[\]\\,;:"@]{1,64}@[^\s\p{Cc}<>()[\]\\,;:"@]{1,253}$/u;

/** Whether mail is sent to it. SQL may have put anything into a user's row, and RFC 5321 allows quoted local parts, which nobody has. */
export function isSendable(address: string): boolean {
  return SENDABLE.test(address);
}
