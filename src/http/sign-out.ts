/**
 * Sign-out by POST (RP-Initiated Logout §2), which keeps the ID token out of URLs. The engine would need `SameSite=None`
 * cookies for it; here a form from another site is sent once more from a page of our own, where the Lax session
 * cookie comes along, and then does what the GET would do.
 */
import type Koa from 'koa';
import { clientHome, clientName } from '../apps/apps.ts';
import { readForm } from './form-body.ts';
import { appOf, engineOf, keepForm, type SignInServices, show } from './sign-in/context.ts';

/** Marks the second round; whoever sets it himself only does without the cookie. */
const AGAIN = 'postern_again';

export async function signOutPost(ctx: Koa.Context, services: SignInServices): Promise<void> {
  const app = appOf(ctx);
  const { [AGAIN]: again, ...form } = await readForm(ctx.req);
  if (again === undefined && ctx.get('Origin') !== app.origin) {
    const fields = Object.entries({ ...form, [AGAIN]: '1' }).map(([name, value]) => ({ name, value }));
    const action = `${app.path}/session/end`;
    show(ctx, { view: 'form-post', status: 200, action, fields, clientName: app.settings.name }, services);
    return;
  }
  keepForm(ctx, { ...form, [AGAIN]: '1' });
  const engine = await engineOf(ctx, services);
  ctx.respond = false;
  ctx.req.method = 'GET';
  await engine.handle(ctx.req, ctx.res, `/session/end?${new URLSearchParams(form)}`);
}

/**
 * The answer to "Sign out?" was no. The engine would forget the client's login in this session then, and say that somebody is
 * signed out who is not.
 */
export function stayGet(ctx: Koa.Context, services: SignInServices): void {
  const app = appOf(ctx);
  const { client_id: id } = ctx.query;
  const url = typeof id === 'string' ? clientHome(app, id) : undefined;
  const wayOn = url === undefined ? {} : { wayOn: { url, clientName: clientName(app, String(id)) } };
  show(ctx, { view: 'still-signed-in', status: 200, ...wayOn }, services);
}
