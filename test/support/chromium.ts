/**
 * One real Chromium for all browser tests of a run. The browser of @sparticuz/chromium comes from npm alone, with the
 * libraries it needs; `CHROME_PATH` takes another one (that package is for Linux on x64). Only `--no-sandbox` is passed: the
 * package's own arguments switch web security off.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const FONTS_FILE = 'postern-fonts.conf';

let browser: Promise<Browser> | undefined;

/** The shared browser, launched on first use; call `closeBrowser` in a root `after`, or let the process end. */
export function sharedBrowser(): Promise<Browser> {
  browser ??= launch();
  return browser;
}

/** A context of its own: cookies, storage and channels of one test do not reach another. */
export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  return (await sharedBrowser()).newContext({ locale: 'en-GB', ...options });
}

export async function closeBrowser(): Promise<void> {
  const open = browser;
  browser = undefined;
  await (await open)?.close();
}

async function launch(): Promise<Browser> {
  const own = process.env.CHROME_PATH;
  if (own) return chromium.launch({ executablePath: own, args: ['--no-sandbox'] });
  const folder = await unpacked();
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    args: ['--no-sandbox'],
    env: {
      ...definedEnvironment(),
      FONTCONFIG_FILE: join(folder, FONTS_FILE),
      // Behind whatever the machine has: only what it lacks is taken from the package.
      LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, join(folder, 'al2023', 'lib')].filter(Boolean).join(':'),
    },
  });
}

/**
 * The unpacked browser, in a folder named by its version. The package takes a file that another process is still writing for
 * a finished one; so everything is unpacked aside and moved into place at once, and whoever comes second uses the first.
 */
async function unpacked(): Promise<string> {
  const manifest = readFileSync(
    new URL('../../package.json', import.meta.resolve('@sparticuz/chromium')),
    'utf8',
  );
  const version = /"version":\s*"([0-9.]+)"/.exec(manifest)?.[1] ?? 'unknown';
  const folder = join(tmpdir(), `postern-chromium-${version}`);
  if (existsSync(folder)) return folder;
  const aside = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(aside);
    await writeFile(join(aside, FONTS_FILE), fontsConfig(join(folder, 'fonts')));
    await rename(aside, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return folder;
}

/** The package unpacks into `os.tmpdir()`, and its libraries only where it believes itself in a Lambda function. */
async function unpackInto(folder: string): Promise<void> {
  const before = { TMPDIR: process.env.TMPDIR, AWS_LAMBDA_JS_RUNTIME: process.env.AWS_LAMBDA_JS_RUNTIME };
  const libraryPath = process.env.LD_LIBRARY_PATH;
  const fontPath = process.env.FONTCONFIG_PATH;
  Object.assign(process.env, { TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: 'nodejs24.x' });
  try {
    const { default: packaged } = await import('@sparticuz/chromium');
    await packaged.executablePath();
  } finally {
    restore({ ...before, LD_LIBRARY_PATH: libraryPath, FONTCONFIG_PATH: fontPath });
  }
}

function restore(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

function definedEnvironment(): Record<string, string> {
  const pairs = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return Object.fromEntries(pairs);
}

/** The package's Open Sans first, so that pages look and wrap alike on every machine, one without any font included. */
function fontsConfig(fonts: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>${fonts}</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family"><string>system-ui</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Open Sans</string></edit>
  </match>
  <match target="pattern">
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Open Sans</string></edit>
  </match>
</fontconfig>
`;
}
