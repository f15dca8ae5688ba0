/** A Postern that is stopped and started again on the same store, address and secrets. */
import { type Harness, type HarnessOptions, startPostern } from './harness.ts';
import { testPlace } from './stand.ts';

export interface Restartable {
  /** The server that runs now; the clock is the same over all restarts. */
  current: Harness;
  restart(): Promise<Harness>;
  close(): Promise<void>;
}

export async function startRestartable(options: HarnessOptions = {}): Promise<Restartable> {
  const place = await testPlace();
  const { directory } = place;
  const first = await startPostern({ ...options, directory });
  const port = Number(new URL(first.url).port);
  const self: Restartable = {
    current: first,
    restart: async () => {
      await self.current.close();
      self.current = {
        ...(await startPostern({ ...options, directory, port, clock: first.clock })),
        clock: first.clock,
      };
      return self.current;
    },
    close: async () => {
      await self.current.close();
      await place.remove();
    },
  };
  return self;
}
