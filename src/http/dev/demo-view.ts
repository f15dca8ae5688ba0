/**
 * The pages of the demonstration client: Handlebars views in `views/dev-demo`, compiled on first use. In English only,
 * unlike what people see when they sign in: its readers are developers, and production has no such pages.
 */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import type { DemoClient, SignOut } from './demo-client.ts';
import type { Problem, Step } from './demo-sessions.ts';

interface Common {
  readonly csrf: string;
  readonly inboxPath: string | undefined;
  readonly problem: Problem | undefined;
}

export type DemoPage =
  | (Common & {
      readonly view: 'index';
      readonly signedOutOf: string | undefined;
      readonly clients: readonly (DemoClient & { readonly signedInAs: string | undefined })[];
    })
  | (Common & {
      readonly view: 'app';
      readonly client: DemoClient;
      readonly signedInAs: string | undefined;
      readonly mayRefresh: boolean;
      readonly steps: readonly Step[];
      readonly later: readonly Step[];
    })
  /** Goes on to the authorization endpoint by `<meta refresh>` and a visible link. */
  | { readonly view: 'leave'; readonly client: DemoClient; readonly url: string }
  /** Posts the sign-out request by script, by button without. */
  | {
      readonly view: 'sign-out';
      readonly client: DemoClient;
      readonly form: Extract<SignOut, { method: 'post' }>;
    };

const FOLDER = new URL('../../../views/dev-demo/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

const handlebars = Handlebars.create();
const views = new Map<string, HandlebarsTemplateDelegate>();

function compiled(name: string): HandlebarsTemplateDelegate {
  const known = views.get(name);
  if (known) return known;
  const view = handlebars.compile(read(`${name}.hbs`), { strict: true });
  views.set(name, view);
  return view;
}

export function renderDemo(page: DemoPage, nonce: string): string {
  handlebars.partials.steps ??= read('steps.hbs');
  handlebars.partials.problem ??= read('problem.hbs');
  // `body` is a view's own output, escaped there; the layout puts it in unescaped.
  const body = compiled(page.view)(page);
  return compiled('layout')({ body, nonce, refresh: page.view === 'leave' ? page.url : undefined });
}

const ASSETS = new Map([
  ['style.css', { type: 'text/css; charset=utf-8', body: '' }],
  ['demo.js', { type: 'text/javascript; charset=utf-8', body: '' }],
]);

/** @param name one of the routed files; throws on any other */
export function findDemoAsset(name: string): { readonly type: string; readonly body: string } {
  const asset = ASSETS.get(name);
  if (!asset) throw new RangeError(`no file ${name}`);
  asset.body ||= read(name);
  return asset;
}
