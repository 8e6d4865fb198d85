export interface SeenSubscriber {
  clientId: string;
  subscriber: string;
  position: number;
}

/** Who was seen since the last write. Names are free to choose: of more than `most` of one client, those that were seen last are kept. */
export class SeenSubscribers {
  /** In each client's map, whoever was seen last stands last. */
  private clients = new Map<string, Map<string, number>>();

  constructor(private readonly most: number) {}

  /** The position is the one that it has, or is told of. */
  note({ clientId, subscriber, position }: SeenSubscriber): void {
    const names = this.clients.get(clientId) ?? new Map<string, number>();
    this.clients.set(clientId, names);
    names.delete(subscriber);
    names.set(subscriber, position);
    const [first] = names.keys();
    if (names.size > this.most && first !== undefined) names.delete(first);
  }

  /** All of them, sorted by name, so that two instances that write the same rows never wait for each other in a circle; begins anew. */
  take(): SeenSubscriber[] {
    const seen = [...this.clients].flatMap(([clientId, names]) =>
      [...names].map(([subscriber, position]) => ({ clientId, subscriber, position })),
    );
    this.clients = new Map();
    return seen.sort((a, b) => compare(a.clientId, b.clientId) || compare(a.subscriber, b.subscriber));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
