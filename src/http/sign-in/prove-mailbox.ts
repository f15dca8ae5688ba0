/**
 * What was proved tells no mailbox that can be trusted: another provider's address, an address that came with an import.
 * The mailbox is proved first, by code or link, and what waits for it travels with that very challenge (AC-05, AC-07).
 *
 * Without an address the person is asked for one; meanwhile the claim waits in the form, sealed for this interaction.
 */
import type { Claim, Proof } from '../../accounts/proof.ts';
import type { EmailAddress } from '../../core/email-address.ts';
import { parseEmailAddress } from '../../core/email-address.ts';
import { PosternError } from '../../core/errors.ts';
import type { Page } from '../../core/page.ts';
import type { InteractionRequest } from '../../methods/method.ts';
import type { SignInServices } from './context.ts';

/** A mail is sent by the person's own act alone: the address of another provider is anybody's text. */
export async function proveMailbox(
  request: InteractionRequest,
  { method, via, factors, who }: Proof,
  suggested: EmailAddress | undefined,
  services: SignInServices,
): Promise<Page> {
  const claim: Claim = { method, ...(via === undefined ? {} : { via }), factors, who };
  return addressPage(request, claim, suggested?.address ?? '', services);
}

/** POST `prove`: the address, and the claim that waits for it. */
export async function prove(request: InteractionRequest, services: SignInServices): Promise<Page> {
  const claim = opened(request, services);
  const address = parseEmailAddress(request.body.email);
  if (!address) {
    const page = addressPage(request, claim, request.body.email ?? '', services);
    return { ...page, status: 400, notice: 'sign_in.bad_email' };
  }
  const waiting = { account: accountOf(claim), claim: JSON.parse(JSON.stringify(claim)) };
  const answer = await services.mailbox.begin(request, { purpose: 'verify_email', address, waiting });
  if (answer.answer === 'refused') throw new PosternError(answer.error);
  if (answer.answer !== 'page') throw new Error('a mail that is asked for is waited for');
  return answer.page;
}

function addressPage(
  request: InteractionRequest,
  claim: Claim,
  email: string,
  { keyring }: SignInServices,
): Extract<Page, { view: 'method' }> {
  const { app, interaction } = request;
  const browser = request.browser.asking ?? '';
  return {
    view: 'method',
    page: 'mailbox/address',
    status: 200,
    heading: 'prove_mailbox.heading',
    mark: 'mail',
    model: {
      form: request.form('prove'),
      cancel: request.form('cancel'),
      email: email.slice(0, 320),
      account: accountOf(claim) ?? null,
      pending: keyring.seal(app.id, `pending:${interaction.uid}:${browser}`, JSON.stringify(claim)),
    },
  };
}

function opened({ app, interaction, browser, body }: InteractionRequest, { keyring }: SignInServices): Claim {
  try {
    // Sealed by `addressPage` for exactly this interaction and browser.
    return JSON.parse(
      keyring.open(app.id, `pending:${interaction.uid}:${browser.asking ?? ''}`, body.pending ?? ''),
    ) as Claim;
  } catch (cause) {
    throw new PosternError('bad_request', { detail: 'nothing waits for a mailbox', cause });
  }
}

/** As the mail names it. */
function accountOf({ who }: Claim): string | undefined {
  return who.by === 'upstream' ? who.providerName : undefined;
}
