/** What tests of enumeration compare. */
import type { Answer } from './relying-party.ts';

/** Everything an outsider sees of an answer, with what is random in every answer replaced. */
export function seen({ status, headers, body }: Answer, address: string): string {
  const { date: _, 'postern-reference': __, ...stable } = headers;
  return (
    JSON.stringify([status, stable, body])
      .replaceAll(address, 'ADDRESS')
      // Seconds that pass between two answers are no difference; half a minute is.
      .replaceAll(/-in=\\"(\d+)\\"/g, (_, seconds) => `-in=${Math.ceil(Number(seconds) / 30) * 30}`)
      .replaceAll(
        /"retry-after":"(\d+)"/g,
        (_, seconds) => `retry-after=${Math.ceil(Number(seconds) / 30) * 30}`,
      )
      .replaceAll(/interaction\/[\w-]+/g, 'interaction/UID')
      .replaceAll(/auth\/[\w-]+/g, 'auth/UID')
      .replaceAll(/nonce(=\\"|-)[\w-]+/g, 'NONCE')
      .replaceAll(/value=\\"[\w-]{43}\\"/g, 'CSRF')
      .replaceAll(/channel=\\"[\w-]{43}\\"/g, 'CHANNEL')
      .replaceAll(/((?:ask|csrf|known)-[\w-]+)=[\w-]+/g, '$1=COOKIE')
      .replaceAll(/expires=[^;]+/g, 'EXPIRES')
  );
}
