/**
 * PHC strings (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`): how Postern writes its hashes, and how many others do. Base64
 * without padding; passlib writes `.` for `+`.
 */

export interface Phc {
  readonly id: string;
  readonly version: number | undefined;
  readonly parameters: Readonly<Record<string, number>>;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const FORM =
  /^\$([a-z0-9-]{1,32})(?:\$v=(\d{1,4}))?\$([a-z]{1,10}=\d{1,10}(?:,[a-z]{1,10}=\d{1,10}){0,5})\$([A-Za-z0-9+/.]{8,128}={0,2})\$([A-Za-z0-9+/.]{16,128}={0,2})$/;

export function parsePhc(text: string): Phc | undefined {
  const [, id, version, parameters, salt, hash] = FORM.exec(text) ?? [];
  if (id === undefined || parameters === undefined || salt === undefined || hash === undefined)
    return undefined;
  const pairs = parameters.split(',').map((pair): [string, number] => {
    const [name = '', value = ''] = pair.split('=');
    return [name, Number(value)];
  });
  return {
    id,
    version: version === undefined ? undefined : Number(version),
    parameters: Object.fromEntries(pairs),
    salt: fromBase64(salt),
    hash: fromBase64(hash),
  };
}

export function formatPhc({ id, version, parameters, salt, hash }: Phc): string {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const fields = [id, ...(version === undefined ? [] : [`v=${version}`]), pairs.join(',')];
  return `$${[...fields, toBase64(salt), toBase64(hash)].join('$')}`;
}

export const fromBase64 = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64');

const toBase64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
