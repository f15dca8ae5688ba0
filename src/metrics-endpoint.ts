/** `/metrics` on a port of its own: what is meant for the operator is not on the port that the public reaches. */
import { createServer } from 'node:http';
import { CONTENT_TYPE } from './metrics/metrics.ts';

export interface MetricsEndpoint {
  readonly port: number;
  close(): void;
}

/** Resolves once it listens. It never keeps the process alive. */
export async function serveMetrics(
  place: { readonly host: string; readonly port: number },
  collect: () => Promise<string>,
): Promise<MetricsEndpoint> {
  const http = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    if (request.url !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404).end();
      return;
    }
    collect().then(
      (text) => response.writeHead(200, { 'Content-Type': CONTENT_TYPE }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(place.port, place.host, resolve);
  });
  http.unref();
  const address = http.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : place.port,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}
