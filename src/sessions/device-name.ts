/** The first that matches: others claim to be those below them. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\/|\bEdgiOS\//, 'Edge'],
  [/\bOPR\/|\bOPT\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrome\/|\bCriOS\/|\bChromium\//, 'Chrome'],
  [/\bVersion\/\S+ (?:Mobile\/\S+ )?Safari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

/**
 * What a person would call the program and the machine that a `User-Agent` (RFC 9110 section 10.1.5) speaks of: `Firefox on Windows`, `curl`. It is
 * what the client says of itself, good for being recognised by its user and for nothing else. Null when it says nothing readable.
 */
export function deviceName(userAgent: string | null): string | null {
  if (userAgent === null) return null;
  const program = PROGRAMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (program !== undefined) return system === undefined ? program : `${program} on ${system}`;
  // Programs that are no browser name themselves first.
  const named = /^([A-Za-z][\w.-]{0,39})(?:\/|\s|$)/.exec(userAgent)?.[1];
  const own = named === undefined || named === 'Mozilla' ? undefined : named;
  return own ?? system ?? null;
}
