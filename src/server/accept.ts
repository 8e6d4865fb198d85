/** Whether a client that sends this `Accept` header would rather have JSON than HTML (RFC 9110 section 12.5.1). In doubt, HTML. */
export function prefersJson(accept = '*/*'): boolean {
  const json = preference(accept, 'application', 'json');
  const html = preference(accept, 'text', 'html');
  if (json.quality !== html.quality) return json.quality > html.quality;
  return json.quality > 0 && json.precision > html.precision;
}

interface Preference {
  quality: number;
  /** How exactly the range names the type: 2 = `type/subtype`, 1 = `type/*`, 0 = `*`/`*`. */
  precision: number;
}

/** That of the most precise range which the type falls into. */
function preference(accept: string, type: string, subtype: string): Preference {
  const precisions = [`${type}/${subtype}`, `${type}/*`, '*/*'];
  let best: Preference = { quality: 0, precision: -1 };
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const index = precisions.indexOf(name);
    const precision = 2 - index;
    if (index >= 0 && precision > best.precision) best = { quality: qualityOf(parameters), precision };
  }
  return best;
}

function qualityOf(parameters: string[]): number {
  const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
  return quality >= 0 && quality <= 1 ? quality : 0;
}
