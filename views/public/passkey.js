// Passkeys: autofill and button of the sign-in page, the offer to make one, and the list of those one has. Without script, or in a
// browser that knows no passkeys, nothing of it shows and everything else works.

/** A ceremony lives five minutes; a page that stays open asks for a new one in time. */
const RENEW_MS = 4.5 * 60 * 1000;

const isSupported = window.PublicKeyCredential !== undefined && navigator.credentials !== undefined;

const signIn = document.querySelector('[data-passkey]');
if (signIn && isSupported) startSignIn(signIn);
const offer = document.querySelector('[data-passkey-make]');
if (offer && isSupported) startMaking(offer);
const gone = document.querySelector('[data-passkey-gone]');
if (gone && isSupported) forget(gone.dataset);

function startSignIn(form) {
  const button = form.querySelector('[data-passkey-button]');
  let options;
  let autofill;
  let renewal;

  form.hidden = false;
  button.addEventListener('click', onButton);
  for (const other of document.forms) if (other !== form) other.addEventListener('submit', stop);
  // From the back-forward cache: what waited was cut off, and may be too old.
  addEventListener('pagehide', stop);
  addEventListener('pageshow', (event) => event.persisted && watch());
  watch();

  /** Waits in the autofill of the email field. Fails silently: nobody has asked for anything yet. */
  async function watch() {
    stop();
    const own = new AbortController();
    autofill = own;
    try {
      options = await optionsFrom(form.dataset.options, form, {
        able: (await isAbleToMake()) ? 'yes' : 'no',
      });
      renewal = setTimeout(watch, RENEW_MS);
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()) || own.signal.aborted) return;
      const publicKey = requestOptions(options);
      const made = await navigator.credentials.get({
        publicKey,
        mediation: 'conditional',
        signal: own.signal,
      });
      if (made && !own.signal.aborted) send(made);
    } catch {
      // Cut off by the button or a form, or not to be had now: the button tells.
    }
  }

  async function onButton() {
    stop();
    button.disabled = true;
    tell(form, '');
    try {
      // Some browsers open their dialog only straight after the press: what is at hand already is used.
      options ??= await optionsFrom(form.dataset.options, form);
      const publicKey = requestOptions(options);
      options = undefined;
      send(await navigator.credentials.get({ publicKey }));
    } catch (error) {
      button.disabled = false;
      tell(form, error?.name === 'NotAllowedError' ? form.dataset.cancelled : form.dataset.failed);
      watch();
    }
  }

  function stop() {
    clearTimeout(renewal);
    autofill?.abort();
  }

  function send({ id, response, authenticatorAttachment }) {
    stop();
    fill(form, {
      id,
      client_data: encode(response.clientDataJSON),
      authenticator_data: encode(response.authenticatorData),
      signature: encode(response.signature),
      user_handle: response.userHandle ? encode(response.userHandle) : '',
      attachment: authenticatorAttachment ?? '',
    });
    form.submit();
  }
}

function startMaking(root) {
  const form = root.querySelector('[data-make]');
  const button = form.querySelector('[data-make-button]');
  form.hidden = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    tell(form, '');
    try {
      const options = await optionsFrom(root.dataset.options, form);
      const { id, response } = await navigator.credentials.create({ publicKey: creationOptions(options) });
      fill(form, {
        id,
        client_data: encode(response.clientDataJSON),
        attestation: encode(response.attestationObject),
        transports: (response.getTransports?.() ?? []).join(','),
      });
      form.submit();
    } catch (error) {
      button.disabled = false;
      const { cancelled, failed, exists } = root.dataset;
      const texts = { NotAllowedError: cancelled, InvalidStateError: exists };
      tell(form, texts[error?.name] ?? failed);
    }
  });
}

/** The password manager need not offer any more what we know no more (WebAuthn Level 3, §5.1.10). */
function forget({ rp: rpId, credential: credentialId }) {
  PublicKeyCredential.signalUnknownCredential?.({ rpId, credentialId }).catch(() => {});
}

/** A ceremony, freshly made for this page. Throws when there is none to be had. */
async function optionsFrom(url, form, more = {}) {
  const body = new URLSearchParams({ csrf: form.elements.namedItem('csrf').value, ...more });
  const response = await fetch(url, { method: 'POST', body, headers: { accept: 'application/json' } });
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  if (!response.ok || !isJson) throw new Error('no options');
  return response.json();
}

function isAbleToMake() {
  return PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false);
}

function requestOptions(options) {
  return { ...options, challenge: decode(options.challenge) };
}

function creationOptions({ challenge, user, excludeCredentials, ...rest }) {
  return {
    ...rest,
    challenge: decode(challenge),
    user: { ...user, id: decode(user.id) },
    excludeCredentials: excludeCredentials.map((known) => ({ ...known, id: decode(known.id) })),
  };
}

function fill(form, fields) {
  for (const [name, value] of Object.entries(fields)) form.elements.namedItem(name).value = value;
}

function tell(form, text) {
  const told = form.querySelector('[data-passkey-told]');
  told.textContent = text;
  told.hidden = text === '';
}

// Browsers learn to convert by themselves (`parseRequestOptionsFromJSON`); not all that know passkeys can.
function decode(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0));
}

function encode(buffer) {
  const bytes = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
  return btoa(bytes.join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
