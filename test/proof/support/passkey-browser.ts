import { launch, type Browser, type CDPSession, type Page } from 'puppeteer-core';

type Json = Record<string, unknown>;

/** Chromium with an authenticator of its own (WebAuthn's testing extension), on a page of the service. */
export class PasskeyBrowser {
  private constructor(
    private readonly browser: Browser,
    private readonly page: Page,
    private readonly devtools: CDPSession,
    private authenticatorId: string,
  ) {}

  static async open(executablePath: string, url: string): Promise<PasskeyBrowser> {
    const browser = await launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    const page = await browser.newPage();
    await page.goto(url);
    const devtools = await page.createCDPSession();
    await devtools.send('WebAuthn.enable');
    const opened = new PasskeyBrowser(browser, page, devtools, '');
    opened.authenticatorId = await opened.plugIn(true);
    return opened;
  }

  /** Takes the authenticator away and brings an empty one. @param verifies whether it makes sure of its user */
  async replaceAuthenticator({ verifies }: { verifies: boolean }): Promise<void> {
    await this.devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.authenticatorId });
    this.authenticatorId = await this.plugIn(verifies);
  }

  /** The passkeys in the authenticator, private keys too. */
  async credentials(): Promise<Json[]> {
    const { authenticatorId } = this;
    const { credentials } = await this.devtools.send('WebAuthn.getCredentials', { authenticatorId });
    return credentials as unknown as Json[];
  }

  /** Puts a passkey into the authenticator: a copy, with a counter that is behind, perhaps. */
  async insert(credential: Json): Promise<void> {
    const { authenticatorId } = this;
    await this.devtools.send('WebAuthn.clearCredentials', { authenticatorId });
    await this.devtools.send('WebAuthn.addCredential', { authenticatorId, credential: credential as never });
  }

  /** `navigator.credentials.create`, or null where the browser refuses. */
  create(options: unknown): Promise<Json | null> {
    return this.ask('create', 'parseCreationOptionsFromJSON', options);
  }

  /** `navigator.credentials.get`, or null where the browser refuses. */
  get(options: unknown): Promise<Json | null> {
    return this.ask('get', 'parseRequestOptionsFromJSON', options);
  }

  /** In the page; as text, since the names in it are those of browsers. */
  private async ask(what: 'create' | 'get', parse: string, options: unknown): Promise<Json | null> {
    return (await this.page.evaluate(`
      (async () => {
        const publicKey = PublicKeyCredential.${parse}(${JSON.stringify(options)});
        const credential = await navigator.credentials.${what}({ publicKey }).catch(() => null);
        return credential && credential.toJSON();
      })()`)) as Json | null;
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  private async plugIn(verifies: boolean): Promise<string> {
    const { authenticatorId } = await this.devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: verifies,
        isUserVerified: verifies,
        automaticPresenceSimulation: true,
      },
    });
    return authenticatorId;
  }
}
