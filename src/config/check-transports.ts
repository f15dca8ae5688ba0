/** What the transports and the DKIM key of one app must keep to beyond their shape. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type Fault, filePath } from './fault.ts';
import { isLoopback } from './redirect-uri.ts';
import type { AppSettings } from './schema.ts';
import { type DkimSettings, type SettingsOf, type TransportSettings, takesMime } from './transport-schema.ts';

type Path = readonly PropertyKey[];

const MIN_RSA_BITS = 1024;

/** @param path of `mail` */
export function checkTransports(mail: AppSettings['mail'], path: Path): Fault[] {
  const transports = mail.transports ?? [];
  const names = transports.map(nameOf);
  return [
    ...(mail.transports && mail.smtp_url !== undefined
      ? [fault([...path, 'smtp_url'], 'give either smtp_url or transports, not both')]
      : []),
    ...transports.flatMap((transport, index) => {
      const at = [...path, 'transports', index];
      const isTwice = names.indexOf(names[index] ?? '') < index;
      return [
        ...(isTwice
          ? [fault([...at, 'name'], `${names[index]} is the name of an earlier one: give each a name`)]
          : []),
        ...(mail.dkim && !takesMime(transport.type)
          ? [
              fault(
                at,
                `${transport.type} builds the mail itself, so dkim cannot apply: let ${transport.type} sign, and leave dkim out`,
              ),
            ]
          : []),
        ...urlFaults(transport, at),
        ...(transport.type === 'smtp' ? smtpFaults(transport, at) : []),
        ...(transport.type === 'http' ? secretFaults(transport.secret, [...at, 'secret']) : []),
      ];
    }),
    ...(mail.dkim ? dkimFaults(mail.dkim, [...path, 'dkim']) : []),
  ];
}

export const nameOf = ({ name, type }: TransportSettings): string => name ?? type;

const fault = (path: Path, message: string): Fault => ({ path: filePath(path), message });

/** The mail holds what signs somebody in, and the request our credentials: readable only on this machine (RL-04). */
function urlFaults(transport: TransportSettings, path: Path): Fault[] {
  return Object.entries(transport).flatMap(([key, value]) => {
    if ((key !== 'url' && key !== 'base_url') || typeof value !== 'string') return [];
    const url = new URL(value);
    const faults: Fault[] = [];
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      faults.push(fault([...path, key], 'must be https (or http on this machine)'));
    }
    if (key === 'base_url' && (url.search !== '' || url.hash !== '')) {
      faults.push(fault([...path, key], 'must not have a query or a fragment'));
    }
    return faults;
  });
}

function smtpFaults(smtp: SettingsOf<'smtp'>, path: Path): Fault[] {
  const { user, password, oauth2 } = smtp;
  const faults: Fault[] = [];
  if (password !== undefined && oauth2 !== undefined) {
    faults.push(fault([...path, 'oauth2'], 'give either password or oauth2, not both'));
  }
  const hasProof = password !== undefined || oauth2 !== undefined;
  if (user === undefined && hasProof) faults.push(fault([...path, 'user'], 'is missing'));
  if (user !== undefined && !hasProof) faults.push(fault([...path, 'password'], 'is missing, or oauth2'));
  if (smtp.tls === 'none' && !isLoopback(smtp.host)) {
    faults.push(
      fault([...path, 'tls'], 'can only be none on this machine: mails hold links that sign people in'),
    );
  }
  const tokenUrl = oauth2 && new URL(oauth2.token_url);
  if (tokenUrl && tokenUrl.protocol === 'http:' && !isLoopback(tokenUrl.hostname)) {
    faults.push(fault([...path, 'oauth2', 'token_url'], 'must be https'));
  }
  return faults;
}

function secretFaults(secret: string, path: Path): Fault[] {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  const bytes = encoded === undefined ? 0 : Buffer.from(encoded, 'base64').length;
  return bytes >= 24 && bytes <= 64
    ? []
    : [
        fault(
          path,
          'must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)',
        ),
      ];
}

function dkimFaults(dkim: DkimSettings, path: Path): Fault[] {
  if (dkim.private_key === undefined) {
    return dkim.private_key_file === undefined
      ? [fault([...path, 'private_key'], 'is missing, or private_key_file')]
      : []; // read, and checked, by `load.ts`
  }
  if (dkim.private_key_file !== undefined) {
    return [fault([...path, 'private_key_file'], 'give either private_key or private_key_file, not both')];
  }
  const message = dkimKeyFault(dkim.private_key);
  return message === undefined ? [] : [fault([...path, 'private_key'], message)];
}

/** Why a key cannot sign; undefined when it can. */
export function dkimKeyFault(pem: string): string | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return 'is no private key in PEM: openssl genrsa 2048';
  }
  if (key.asymmetricKeyType === 'ed25519') {
    return 'is an Ed25519 key, which the signing library does not support and many receivers ignore: openssl genrsa 2048';
  }
  if (key.asymmetricKeyType !== 'rsa') return 'must be an RSA key: openssl genrsa 2048';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < MIN_RSA_BITS
    ? `has ${bits} bits, and receivers refuse less than ${MIN_RSA_BITS} (RFC 8301 §3.2): openssl genrsa 2048`
    : undefined;
}
