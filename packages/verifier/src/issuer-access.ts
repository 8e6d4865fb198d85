import { discover, type IssuerMetadata } from './issuer-metadata.js';

/** The issuer, by whichever of its addresses answers. */
export class IssuerAccess {
  readonly #metadata = new Map<string, IssuerMetadata>();
  #preferred = 0;

  constructor(
    private readonly issuer: string,
    private readonly urls: readonly string[],
  ) {}

  /**
   * Puts a question to the address that answered last; to the next when it fails, and so on, each once.
   *
   * @throws what the last of them failed with
   */
  async ask<T>(question: (metadata: IssuerMetadata) => Promise<T>): Promise<T> {
    const first = this.#preferred;
    for (let tries = 0; ; tries++) {
      const index = (first + tries) % this.urls.length;
      const url = this.urls[index] ?? this.issuer;
      try {
        const metadata = this.#metadata.get(url) ?? (await discover(this.issuer, url));
        this.#metadata.set(url, metadata);
        const answer = await question(metadata);
        this.#preferred = index;
        return answer;
      } catch (error) {
        // Perhaps it lives elsewhere by now.
        this.#metadata.delete(url);
        if (tries + 1 >= this.urls.length) throw error;
      }
    }
  }
}
