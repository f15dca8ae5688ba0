/**
 * The static files of the pages (`views/public`): read once, each at an address that carries the hash of its content, so
 * that it may be cached for ever and no page ever meets a style or script of another version.
 */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Asset {
  readonly name: string;
  readonly body: Buffer;
  readonly contentType: string;
  /** Strong validator, with its quotes (RFC 9110 §8.8.3). */
  readonly etag: string;
  /** False when the address names another version (a page from before an update): must not be cached for long. */
  readonly isCurrent: boolean;
}

const FOLDER = fileURLToPath(new URL('../../views/public/', import.meta.url));
const PREFIX = '/public/';
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

interface StoredAsset extends Omit<Asset, 'isCurrent'> {
  readonly hash: string;
}

let assets: ReadonlyMap<string, StoredAsset> | undefined;

/** Address of a file of `views/public`, from the root of the origin. Throws for a name that is not there. */
export function assetUrl(name: string): string {
  const asset = stored().get(name);
  if (!asset) throw new Error(`no file views/public/${name}`);
  return `${PREFIX}${asset.hash}/${asset.name}`;
}

/** The file at a path that `assetUrl` gave; undefined for anything else. Nothing is read from disk by request. */
export function findAsset(path: string): Asset | undefined {
  const match = /^\/public\/([A-Za-z0-9_-]{16})\/([a-z-]+\.[a-z]+)$/.exec(path);
  const asset = match && stored().get(match[2] ?? '');
  if (!asset) return undefined;
  const { hash: current, ...rest } = asset;
  return { ...rest, isCurrent: match[1] === current };
}

export function assetNames(): readonly string[] {
  return [...stored().keys()];
}

function stored(): ReadonlyMap<string, StoredAsset> {
  assets ??= new Map(readdirSync(FOLDER).flatMap(read));
  return assets;
}

function read(name: string): [string, StoredAsset][] {
  const contentType = CONTENT_TYPES[name.split('.').at(-1) ?? ''];
  if (!contentType) return [];
  const body = readFileSync(`${FOLDER}${name}`);
  const contentHash = hash('sha256', body, 'base64url').slice(0, 16);
  return [[name, { name, body, contentType, etag: `"${contentHash}"`, hash: contentHash }]];
}
