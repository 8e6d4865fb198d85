/**
 * An atom of RFC 5321 on either side of one `@`: no quotes, brackets, commas or spaces, by which one address becomes two or ends a header. ASCII only:
 * what is the same address to a database that ignores case (İ and i, K and the sign of kelvin) need not be the same one to a mail server.
 */
const SENDABLE = /^[!#-'*+\--9=?A-Z^-~]{1,64}@[!#-'*+\--9=?A-Z^-~]{1,253}$/;

/** Whether mail is sent to it. SQL may have put anything into a user's row, and RFC 5321 allows quoted local parts, which nobody has. */
export function isSendable(address: string): boolean {
  return SENDABLE.test(address);
}
