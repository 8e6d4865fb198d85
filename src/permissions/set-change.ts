export interface SetChange {
  added: string[];
  removed: string[];
}

/** What has to go and what has to come for `current` to become `wanted`. What stays is in neither: it must not be touched. */
export function changeOf(current: Iterable<string>, wanted: Iterable<string>): SetChange {
  const before = new Set(current);
  const after = new Set(wanted);
  return {
    added: [...after].filter((name) => !before.has(name)),
    removed: [...before].filter((name) => !after.has(name)),
  };
}

export function isUnchanged({ added, removed }: SetChange): boolean {
  return added.length === 0 && removed.length === 0;
}
