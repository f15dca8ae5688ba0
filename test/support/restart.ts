/** A Postern that is stopped and started again on the same store, address and secrets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Harness, type HarnessOptions, startPostern } from './harness.ts';

export interface Restartable {
  /** The server that runs now; the clock is the same over all restarts. */
  current: Harness;
  restart(): Promise<Harness>;
  close(): Promise<void>;
}

export async function startRestartable(options: HarnessOptions = {}): Promise<Restartable> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
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
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return self;
}
