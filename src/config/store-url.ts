/** Whether a STORE_URL can be one. Says why not without quoting any of it: it may hold a password. */

const FORM = 'must be sqlite:path or mongodb://host/database';
const PATTERN = /^mongodb(\+srv)?:\/\/(?:([^/]*)@)?([^/@?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;
const HOST = /^(\[[0-9a-f:.]+\]|[\w.-]+|[^/]+\.sock)(:\d{1,5})?$/i;
/** What the server forbids in names of databases, and 63 bytes at most. */
const DATABASE = /^[^/\\. "$*<>:|?\0]{1,63}$/;

/** Undefined when nothing is wrong. */
export function storeUrlFault(value: string): string | undefined {
  if (value.startsWith('sqlite:')) {
    return /^sqlite:(:memory:)?$/.test(value)
      ? 'must name a file, such as sqlite:data/postern.db'
      : undefined;
  }
  if (!/^mongodb(\+srv)?:/.test(value)) return FORM;
  const [, srv, credentials, hosts = '', database = '', options = ''] = PATTERN.exec(value) ?? [];
  if (credentials !== undefined && !areEncoded(credentials)) {
    return 'must have user name and password percent-encoded: @ is %40, : is %3A, / is %2F, ? is %3F, % is %25';
  }
  if (hosts === '') return FORM;
  if (!hosts.split(',').every((host) => HOST.test(host)))
    return 'must name its hosts as host or host:port, separated by commas';
  if (srv !== undefined && /[,:]/.test(hosts))
    return 'must name one host without a port after mongodb+srv://';
  if (!DATABASE.test(decoded(database) ?? '')) {
    return 'must name the database behind the hosts, as in mongodb://host/database';
  }
  const pairs = options.split('&').filter((pair) => pair !== '');
  return pairs.every((pair) => /^[^=]+=[^=]+/.test(pair) && decoded(pair) !== undefined)
    ? undefined
    : 'must have options of the form name=value, separated by &';
}

function areEncoded(credentials: string): boolean {
  const [user = '', ...password] = credentials.split(':');
  return (
    password.length <= 1 &&
    user !== '' &&
    !credentials.includes('@') &&
    decoded(user) !== undefined &&
    decoded(password.join()) !== undefined
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
