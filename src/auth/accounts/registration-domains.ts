/** Whether an address is of one of these domains, in any case, and not merely below one; null: of any. */
export function mayRegister(email: string, domains: readonly string[] | null): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return domains === null || domains.includes(domain);
}
