/** The value that this share (0 to 1) of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Change of `y` per unit of `x`: the line of least squares. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: 'x' | 'y'): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x0, y0] = [mean('x'), mean('y')];
  const covariance = points.reduce((sum, { x, y }) => sum + (x - x0) * (y - y0), 0);
  return covariance / points.reduce((sum, { x }) => sum + (x - x0) ** 2, 0);
}

/** p50, p99 and the longest, in ms. */
export function quantilesOf(values: readonly number[]): string {
  const ms = (share: number): string => quantile(values, share).toFixed(1);
  return `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms, max ${ms(1)} ms`;
}
