/**
 * The sign-in page: one email field first, below it what the methods of this app add. Which method follows an address is
 * decided by the app's configuration and by what this browser used last, never by the account: everybody sees the same
 * (ML-53, ML-55).
 */
import type { App } from '../../apps/apps.ts';
import { parseEmailAddress } from '../../core/email-address.ts';
import { PosternError } from '../../core/errors.ts';
import type { FormContext, OtherWay, Page, SignInError } from '../../core/page.ts';
import type { BrowserFacts, InteractionRequest, Method, StepAnswer } from '../../methods/method.ts';
import { isOn, type SignInServices } from './context.ts';

type Choosing = Method & Required<Pick<Method, 'identified' | 'wayText'>>;

/** Methods that go on from an address, best first. */
function choices(
  app: App,
  { last }: Pick<BrowserFacts, 'last'>,
  { methods }: SignInServices,
): readonly Choosing[] {
  const order: readonly string[] = [...(last ? [last.method] : []), ...app.settings.method_order];
  const rank = ({ name }: Method): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return methods
    .filter((method): method is Choosing => isOn(app, method) && isChoosing(method))
    .toSorted((a, b) => rank(a) - rank(b));
}

const isChoosing = (method: Method): method is Choosing =>
  method.identified !== undefined && method.wayText !== undefined;

export function otherWays(
  app: App,
  browser: Pick<BrowserFacts, 'last'>,
  than: string,
  form: (step: string) => FormContext,
  services: SignInServices,
): readonly OtherWay[] {
  return choices(app, browser, services)
    .filter(({ name }) => name !== than)
    .map(({ name, wayText }) => ({ text: wayText, form: form(`begin/${name}`) }));
}

export async function startPage(
  request: InteractionRequest,
  services: SignInServices,
  { email, error }: { readonly email?: string | undefined; readonly error?: SignInError | undefined } = {},
): Promise<Page> {
  const { app, interaction } = request;
  const ways = choices(app, request.browser, services);
  const entries = await Promise.all(
    services.methods.filter((method) => isOn(app, method)).map((method) => method.entries?.(request)),
  );
  return {
    view: 'sign-in',
    // Changing one's mind at another provider is no fault.
    status: error === undefined || error === 'came_back' ? 200 : 400,
    form: request.form('begin'),
    cancelUrl: request.form('cancel'),
    clientName: request.clientFacts(interaction.clientId).name,
    // A hint is anybody's text: it only fills the field in.
    email: (email ?? interaction.loginHint ?? '').slice(0, 320),
    hasEmail: ways.length > 0,
    isByMail: ways[0]?.name === 'magic_link',
    entries: entries.flatMap((one) => one ?? []),
    ...(error === undefined ? {} : { error }),
  };
}

/** An address was typed; `target` names the method that was chosen, else the first one goes on. */
export async function begin(request: InteractionRequest, services: SignInServices): Promise<StepAnswer> {
  const { target, body } = request;
  const ways = choices(request.app, request.browser, services);
  const way = target === undefined ? ways[0] : ways.find(({ name }) => name === target);
  if (!way) throw new PosternError('not_found');
  const address = parseEmailAddress(body.email);
  if (!address) return { answer: 'start', email: body.email ?? '', error: 'bad_email' };
  return way.identified(request, address);
}

/** Where the person stands with some method; the sign-in page when nowhere. */
export async function standingPage(request: InteractionRequest, services: SignInServices): Promise<Page> {
  for (const method of services.methods) {
    const page = isOn(request.app, method) ? await method.standing?.(request) : undefined;
    if (page) return page;
  }
  return startPage(request, services);
}
