// The page that waits: counts down, tells the truth about the mail, sends a typed code, and goes on when the link was
// opened in another tab of this browser. Without it everything here works by typing the code.
const POLL_MS = 3000;
const SLOW_POLL_MS = 10_000;
const SLOW_AFTER_MS = 120_000;
/** In `auto` the link tab may be going on by itself: it waits one second for an answer of ours. */
const YIELD_TO_LINK_TAB_MS = 2500;

const root = document.querySelector('[data-check-mail]');
const { statusUrl, resumeUrl, finishIn } = root.dataset;
const startedAt = Date.now();
const expiresAt = startedAt + Number(root.dataset.expiresIn) * 1000;
let resendAt = startedAt + Number(root.dataset.resendIn) * 1000;
const retryLine = root.querySelector('[data-mail-retry]');
let retryAt = startedAt + Number(retryLine.dataset.mailRetry) * 1000;
/** `leaving`: on the way to `resumeUrl`; the back button may bring this page to life again. */
let phase = 'waiting';
let isAsking = false;
let provedSince;
let pollTimer;

const channel = new BroadcastChannel(root.dataset.channel);
channel.addEventListener('message', (event) => {
  if (phase !== 'waiting') return;
  if (event.data?.type === 'alive?' && finishIn !== 'link') channel.postMessage({ type: 'alive' });
  if (event.data?.type === 'proved') onProved();
});

const ticker = setInterval(tick, 1000);
tick();
schedule(POLL_MS);
watchCode();

// A phone puts hidden tabs to sleep: ask the moment the person comes back.
addEventListener('focus', poll);
addEventListener('pageshow', (event) => {
  if (event.persisted && phase === 'leaving') phase = 'waiting';
  poll();
});
document.addEventListener('visibilitychange', poll);

const resendButton = root.querySelector('[data-resend]');
resendButton.form.addEventListener('submit', (event) => {
  if (resendButton.getAttribute('aria-disabled') === 'true') event.preventDefault();
});

function schedule(delay) {
  clearTimeout(pollTimer);
  if (phase === 'waiting') pollTimer = setTimeout(poll, delay);
}

async function poll() {
  if (phase !== 'waiting' || isAsking || document.visibilityState !== 'visible') return;
  isAsking = true;
  let next = Date.now() - startedAt > SLOW_AFTER_MS ? SLOW_POLL_MS : POLL_MS;
  try {
    const response = await fetch(statusUrl, { headers: { accept: 'application/json' }, cache: 'no-store' });
    if (response.ok) next = apply(await response.json()) ?? next;
    else if (response.status === 404 || response.status === 410) end('gone');
  } catch {
    // Offline, or the page is being left: the next round asks again.
  } finally {
    isAsking = false;
    schedule(next);
  }
}

/** Returns when to ask again, if not at the usual pace. */
function apply(status) {
  if (phase !== 'waiting') return undefined;
  if (status.state === 'proved') return applyProved();
  if (status.state === 'used' || status.state === 'closed') end('used');
  else if (status.state === 'expired') end('expired');
  else if (status.state === 'gone') end('gone');
  else applyPending(status);
  return undefined;
}

function applyProved() {
  if (finishIn !== 'auto') {
    onProved();
    return undefined;
  }
  provedSince ??= Date.now();
  if (Date.now() - provedSince < YIELD_TO_LINK_TAB_MS) return YIELD_TO_LINK_TAB_MS;
  onProved();
  return undefined;
}

function applyPending(status) {
  provedSince = undefined;
  resendAt = Date.now() + Number(status.resendIn) * 1000;
  retryAt = Date.now() + Number(status.mailRetryIn) * 1000;
  const line = root.querySelector('[data-mail-state]');
  const text = line.querySelector('[data-mail-text]');
  const words = text.dataset[status.mail];
  // Only a change is written, or screen readers would hear the same again and again.
  if (words !== undefined && line.dataset.mailState !== status.mail) {
    line.dataset.mailState = status.mail;
    text.textContent = words;
  }
  if (status.codeEntry === 'closed') {
    const codeForm = root.querySelector('[data-code-open]');
    if (codeForm) codeForm.hidden = true;
    root.querySelector('[data-code-closed]').hidden = false;
  }
}

function onProved() {
  if (finishIn === 'link') {
    end('used');
    return;
  }
  phase = 'leaving';
  clearTimeout(pollTimer);
  location.assign(resumeUrl);
}

/** Shows in place how this ended; `expired` keeps the way to a new mail. */
function end(how) {
  phase = 'ended';
  clearTimeout(pollTimer);
  clearInterval(ticker);
  channel.close();
  resendAt = 0;
  tick();
  for (const part of root.querySelectorAll('[data-while-pending]')) part.hidden = true;
  root.querySelector('[data-more]').hidden = how !== 'expired';
  const section = root.querySelector(`[data-ended="${how}"]`);
  section.hidden = false;
  const heading = document.querySelector('h1');
  document.title = document.title.replace(heading.textContent, section.dataset.heading);
  heading.textContent = section.dataset.heading;
  heading.focus();
}

function tick() {
  const now = Date.now();
  const button = root.querySelector('[data-resend]');
  const wait = Math.ceil((resendAt - now) / 1000);
  // Not `disabled`: that would drop the focus and hide the reason from screen readers.
  if (wait > 0) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  setText(button, wait > 0 ? button.dataset.waiting.replace('{time}', clock(wait)) : button.dataset.ready);
  // Beside the live region, not in it: a screen reader would count every second aloud.
  const retryIn = Math.ceil((retryAt - now) / 1000);
  if (phase === 'waiting') retryLine.hidden = retryIn <= 0;
  if (retryIn > 0) setText(retryLine, retryLine.dataset.template.replace('{time}', clock(retryIn)));
  const expires = root.querySelector('[data-expires]');
  setText(
    expires,
    expires.dataset.template.replace('{time}', clock(Math.max(0, Math.ceil((expiresAt - now) / 1000)))),
  );
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Shows eight digits as `1234 5678` and sends them by itself, once: after a wrong code the person presses the button. */
function watchCode() {
  const form = root.querySelector('[data-code-form]');
  if (!form) return;
  const input = form.elements.namedItem('code');
  let maySubmit = root.dataset.hasError === 'no';
  // Longer pastes ("Code: 1234 5678") are cut to their digits here, before `maxlength` cuts them blindly.
  input.addEventListener('paste', (event) => {
    const digits = (event.clipboardData?.getData('text') ?? '').replace(/\D/g, '');
    if (digits.length !== 8) return;
    event.preventDefault();
    show(digits);
  });
  input.addEventListener('input', () => {
    const digits = input.value.replace(/\D/g, '');
    if (digits.length === 8) show(digits);
  });
  form.addEventListener('submit', () => {
    maySubmit = false;
  });

  function show(digits) {
    input.value = `${digits.slice(0, 4)} ${digits.slice(4)}`;
    if (!maySubmit) return;
    maySubmit = false;
    form.requestSubmit();
  }
}
