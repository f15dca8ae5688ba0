// ML-01, ML-04: the secret leaves address bar and history before anything else happens.
const fragment = location.hash;
if (fragment !== '') history.replaceState(null, '', location.pathname);

// Loaded early, so the form may not be there yet.
if (document.readyState === 'loading') {
  await new Promise((resolve) => {
    document.addEventListener('DOMContentLoaded', resolve, { once: true });
  });
}

const root = document.querySelector('[data-link-here]');
const form = root.querySelector('[data-secret-form]');
const secret = secretOf(fragment);

if (secret !== undefined) {
  form.elements.namedItem('secret').value = secret;
  form.requestSubmit();
} else if (root.dataset.hasSecret === 'yes') {
  form.requestSubmit();
} else {
  explainCutOff();
}

// A page from the back-forward cache would wait for ever on a form that was sent already.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

/** ML-13: mail programs put percent-encoding around and punctuation behind a link; the secret itself has neither. */
function secretOf(hash) {
  let text = hash.slice(1);
  for (let round = 0; round < 3 && text.includes('%'); round += 1) {
    try {
      text = decodeURIComponent(text);
    } catch {
      break;
    }
  }
  return /^([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/.exec(text)?.[1];
}

function explainCutOff() {
  root.querySelector('[data-working]').hidden = true;
  const notice = root.querySelector('[data-cut-off]');
  notice.hidden = false;
  document.querySelector('h1').textContent = notice.dataset.heading;
  const fallback = root.querySelector('[data-fallback]');
  if (!fallback) return;
  fallback.open = true;
  fallback.querySelector('summary').hidden = true;
  fallback.querySelector('input[name="code"]').focus();
}
