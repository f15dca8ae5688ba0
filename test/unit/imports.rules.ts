/**
 * The directions of design §5 as a function over source texts: which room may import which, who may touch the engine,
 * the web framework, drivers, the environment, time and randomness.
 */

export interface Violation {
  readonly file: string;
  readonly message: string;
}

interface Import {
  readonly target: string;
  readonly isType: boolean;
}

const BASE = ['lib', 'core'];
/** Rooms side by side: `app.ts` hands one to the other, so that each can be tested and replaced alone. */
const SIBLINGS = [
  'apps',
  'accounts',
  'audit',
  'challenges',
  'jobs',
  'limits',
  'mail',
  'metrics',
  'oidc',
  'outbound',
];
const INNER = [...BASE, 'store', 'config', ...SIBLINGS];

/** Rooms whose code a room may use, beside its own. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  core: ['lib'],
  config: [...BASE, 'methods'],
  store: BASE,
  ...Object.fromEntries(SIBLINGS.map((room) => [room, [...BASE, 'store']])),
  methods: BASE,
  http: [...INNER, 'methods'],
  api: [...INNER, 'methods'],
  cli: [...INNER, 'methods'],
};

/** What the settings of a method are written in; the file that puts them together is `config/schema.ts`. */
const SETTINGS_WORDS = 'config/fields.ts';

/** Rooms of which a room may further name types; a type is gone when the program runs. */
const MAY_NAME: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(SIBLINGS.map((room) => [room, [...SIBLINGS, 'config']])),
  methods: [...SIBLINGS, 'store', 'config'],
};

interface Guard {
  readonly what: RegExp;
  readonly who: RegExp;
  readonly reason: string;
}

const PACKAGES: readonly Guard[] = [
  {
    what: /^oidc-provider(\/|$)/,
    who: /^oidc\//,
    reason: 'only oidc/ knows the engine, so that a new release of it touches one room',
  },
  {
    what: /^(koa|@koa\/.*|cookies)$/,
    who: /^(http|api)\//,
    reason: 'only http/ and api/ know the web framework; others get typed requests and never a ctx',
  },
  {
    what: /^(node:sqlite|mongodb)$/,
    who: /^store\//,
    reason: 'only store/ knows database drivers; others use its port',
  },
  {
    what: /^nodemailer(\/|$)/,
    who: /^mail\//,
    reason: 'only mail/ hands addresses to a mail library, after validating them (ML-60)',
  },
  {
    what: /^openid-client$/,
    who: /^(methods|http\/dev)\//,
    reason: 'Postern is a client only for upstream sign-in and in its demonstration',
  },
  {
    what: /^(node:(https|http2|dns(\/promises)?)|undici)$/,
    who: /^outbound\//,
    reason: 'only outbound/ calls other servers, behind its check of addresses (OA-41)',
  },
  {
    what: /^prom-client$/,
    who: /^metrics\//,
    reason: 'only metrics/ knows names and labels, so that their number stays bounded (ML-02)',
  },
  { what: /^yaml$/, who: /^config\//, reason: 'only config/ reads configuration files' },
];

const WORDS: readonly Guard[] = [
  {
    what: /\bprocess\.env\b|\benv\b[^;]*\bfrom 'node:process'/,
    who: /^(config\/|main\.ts$|cli\/postern\.ts$)/,
    reason:
      'only config/ reads the environment (main.ts and cli/postern.ts hand it over), so that every setting is checked and documented',
  },
  {
    what: /\bDate\.now\b|\bnew Date\(\s*\)|\bnew Date\b(?!\()|\bDate\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
    who: /^core\/clock\.ts$/,
    reason: 'only core/clock.ts reads time; take a Clock, so that tests can move it',
  },
  {
    what: /(?<![.\w])fetch\(|\bglobalThis\.fetch\b/,
    who: /^(outbound|http\/dev)\//,
    reason: 'only outbound/ calls other servers: take a GuardedFetch, which checks the address (OA-41)',
  },
  {
    what: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\brandomInt\b|\brandomFill(Sync)?\b|\bgetRandomValues\b/,
    who: /^core\/random\.ts$/,
    reason: 'only core/random.ts makes randomness, so that its strength is decided in one place (ML-08)',
  },
];

/** @param sources text of every source file by its path below src/, such as `oidc/keys.ts` */
export function violationsOf(sources: ReadonlyMap<string, string>): Violation[] {
  const graph = new Map<string, Set<string>>();
  const found = [...sources].flatMap(([file, source]) => {
    const code = withoutComments(source);
    const imports = importsOf(code);
    for (const { target, isType } of imports) {
      const to = isType || !target.startsWith('.') ? undefined : roomOf(resolved(file, target));
      // Words for schemas: they need nothing of their room.
      if (to !== undefined && to !== roomOf(file) && resolved(file, target) !== SETTINGS_WORDS)
        graph.set(roomOf(file), (graph.get(roomOf(file)) ?? new Set()).add(to));
    }
    return [...imports.flatMap((one) => importFaults(file, one)), ...wordFaults(file, code)];
  });
  return [...found, ...cyclesOf(graph)];
}

const withoutComments = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}])\/\/[^\n]*/g, '$1');

function importsOf(code: string): Import[] {
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s)?\s*([^'";]*?\sfrom\s+|)'([^']+)'/gm);
  const calls = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [
    ...[...statements].map(([, type, names = '', target = '']) => ({
      target,
      isType: type !== undefined || areTypes(names),
    })),
    ...[...calls].map(([, target = '']) => ({ target, isType: false })),
  ];
}

function areTypes(names: string): boolean {
  const listed = /^\{([^}]*)\}\s*from\s+$/.exec(names)?.[1];
  const specifiers = listed
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return (
    specifiers !== undefined && specifiers.length > 0 && specifiers.every((name) => name.startsWith('type '))
  );
}

function importFaults(file: string, { target, isType }: Import): Violation[] {
  if (!target.startsWith('.')) {
    return PACKAGES.filter(({ what, who }) => what.test(target) && !who.test(file)).map(({ reason }) => ({
      file,
      message: `imports ${target}: ${reason}`,
    }));
  }
  const path = resolved(file, target);
  const reason = path.startsWith('../') ? undefined : directionFault(file, path, isType);
  return reason === undefined ? [] : [{ file, message: `imports ${path}: ${reason}` }];
}

function directionFault(file: string, path: string, isType: boolean): string | undefined {
  const [from, to] = [roomOf(file), roomOf(path)];
  // The composition root and the process around it tie the rooms together.
  if (from === '') return undefined;
  if (path === 'preflight.mjs') return undefined;
  if (to === '') return 'imports point inwards; only the process imports the composition root';
  if (to === 'store' && from !== 'store' && from !== 'cli' && path !== 'store/port.ts') {
    return 'a store is used through store/port.ts, so that one backend can stand in for another';
  }
  if (from === 'store') return backendFault(file, path);
  if (from === 'methods') return methodFault(file, path, isType);
  if (from === to) return undefined;
  if (from === 'config' && to === 'methods' && path !== 'methods/index.ts')
    return 'config/ takes what operators may set from the one list of methods';
  if (MAY_USE[from]?.includes(to)) return undefined;
  if (MAY_NAME[from]?.includes(to)) {
    return isType ? undefined : `${from}/ may name types of ${to}/ only: app.ts passes the rest in`;
  }
  return MAY_USE[from] === undefined
    ? `${from}/ is no room of the layout: add it to design §5 and to this test`
    : `imports point inwards, and ${to}/ does not lie inside ${from}/`;
}

/** A backend stands alone: port, core, lib and its driver. */
function backendFault(file: string, path: string): string | undefined {
  const [folder, other] = [file.split('/')[1], path.split('/')[1]];
  const isOwn =
    path === 'store/port.ts' || folder === other || file === 'store/open.ts' || /^(core|lib)\//.test(path);
  const isShared = /^store\/[^/]+\.ts$/.test(path);
  return isOwn || (isShared && path !== 'store/open.ts')
    ? undefined
    : 'a backend knows the port, core, lib and its driver, never another backend';
}

/** A method stands alone; what it needs of other rooms is passed in. */
function methodFault(file: string, path: string, isType: boolean): string | undefined {
  const to = roomOf(path);
  if (path === SETTINGS_WORDS && file.endsWith('/settings.ts')) return undefined;
  if (to === 'methods') {
    const isOwn = file.split('/')[1] === path.split('/')[1];
    const isList = file === 'methods/index.ts';
    return isOwn || isList || path === 'methods/method.ts'
      ? undefined
      : 'a method knows method.ts and its own folder, never another method';
  }
  if (MAY_USE.methods?.includes(to)) return undefined;
  if (isType && MAY_NAME.methods?.includes(to)) return undefined;
  return `a method uses core, lib and its own folder, and may name types of inner rooms: the rest is passed in, not ${to}/`;
}

function wordFaults(file: string, code: string): Violation[] {
  return WORDS.flatMap(({ what, who, reason }) => {
    const word = who.test(file) ? undefined : what.exec(code)?.[0];
    return word === undefined ? [] : [{ file, message: `uses ${word}: ${reason}` }];
  });
}

const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

/** Path below src/ that an import of `file` means; begins with `../` when it leaves src/. */
function resolved(file: string, target: string): string {
  const parts = file.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function cyclesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): Violation[] {
  const done = new Set<string>();
  const cycles: Violation[] = [];
  const visit = (room: string, trail: readonly string[]): void => {
    if (trail.includes(room)) {
      const cycle = [...trail.slice(trail.indexOf(room)), room].join('/ → ');
      cycles.push({ file: `${room}/`, message: `${cycle}/: rooms that need each other are one room` });
    } else if (!done.has(room)) {
      for (const next of graph.get(room) ?? []) visit(next, [...trail, room]);
      done.add(room);
    }
  };
  for (const room of graph.keys()) if (room !== '') visit(room, []);
  return cycles;
}
