/** A Postern whose MongoDB stands behind a proxy that cuts the wire at one command of a flow. */

import { type Harness, startPostern } from './harness.ts';
import { proxied } from './mongo-commands.ts';
import { dropDatabase, mongoServer } from './mongo-server.ts';
import { PersistentJourney } from './persistent-journey.ts';
import type { RelyingParty } from './relying-party.ts';
import { freshId } from './store-samples.ts';
import type { Side, TcpProxy } from './tcp-proxy.ts';

/** `twice`: what the driver asks again is cut too, so that somebody has to be told. */
export interface WireFault {
  readonly side: Side;
  readonly times: 1 | 2;
}

export const WIRE_FAULTS: readonly WireFault[] = [
  { side: 'request', times: 1 },
  { side: 'reply', times: 1 },
  { side: 'request', times: 2 },
  { side: 'reply', times: 2 },
];

export class WireFaults {
  readonly #harness: Harness;
  readonly #proxy: TcpProxy;
  readonly #database: string;
  readonly rp: RelyingParty;

  private constructor(harness: Harness, proxy: TcpProxy, database: string) {
    this.#harness = harness;
    this.#proxy = proxy;
    this.#database = database;
    this.rp = harness.rp();
  }

  static async start(): Promise<WireFaults> {
    const database = (await mongoServer()).url(`wire_${freshId().replaceAll('-', '_')}`);
    const { proxy, url } = await proxied(database);
    const harness = await startPostern({ config: { storeUrl: url } });
    await harness.server.warmUp();
    const faults = new WireFaults(harness, proxy, database);
    await faults.rp.metadata();
    await faults.journey();
    return faults;
  }

  async journey(): Promise<PersistentJourney> {
    const journey = new PersistentJourney(this.#harness, this.rp);
    await journey.complete();
    return journey;
  }

  /** Undefined when the journey had fewer commands; else what was struck and how often somebody was told to wait. */
  async journeyCutAt(
    nth: number,
    { side, times }: WireFault,
  ): Promise<{ readonly command: string; readonly refusals: number } | undefined> {
    let command: string | undefined;
    this.#proxy.restart((sent, n) => {
      if (n < nth || n >= nth + times) return 'pass';
      command ??= sent.name;
      return { cut: side };
    });
    const where = (): string => `command ${nth} (${command}), ${side} lost ${times} times`;
    const { refusals } = await this.journey().catch((fault: unknown) => {
      throw new Error(`${where()}: ${String(fault)}`, { cause: fault });
    });
    this.#proxy.restart();
    return command === undefined ? undefined : { command, refusals };
  }

  async close(): Promise<void> {
    await this.#harness.close();
    await this.#proxy.close();
    await dropDatabase(this.#database);
  }
}
