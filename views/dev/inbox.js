// Shows new mail by itself, and copies links and codes. Without it the page is reloaded by hand.
const { prefix } = document.body.dataset;
const said = document.getElementById('said');
let clearing;

function say(text) {
  said.textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => {
    said.textContent = '';
  }, 2000);
}

function showLocalTimes() {
  for (const time of document.querySelectorAll('time')) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
    time.title = new Date(time.dateTime).toLocaleString();
  }
}

async function refresh() {
  const present = document.getElementById('messages');
  if (!present || document.hidden) return;
  const answer = await fetch(`${prefix}/api/v1/messages?limit=1`, { cache: 'no-store' });
  const { total, messages } = await answer.json();
  if (present.dataset.state === `${total} ${messages[0]?.ID ?? ''}`) return;
  const page = await fetch(prefix, { cache: 'no-store' });
  const next = new DOMParser().parseFromString(await page.text(), 'text/html').getElementById('messages');
  if (!next) return;
  present.replaceWith(next);
  setUp();
}

function setUp() {
  showLocalTimes();
  const clear = document.querySelector('[data-clear]');
  if (clear) clear.hidden = !document.querySelector('.mail');
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.copy) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say('Copied');
    } catch {
      say('The browser does not allow copying here');
    }
  }
  if ('clear' in button.dataset) {
    await fetch(`${prefix}/api/v1/messages`, { method: 'DELETE' });
    await refresh();
  }
});

async function keepFresh() {
  try {
    await refresh();
  } catch {
    // The server restarts; the next turn asks again.
  }
  setTimeout(keepFresh, 1500);
}

setUp();
document.addEventListener('visibilitychange', () => refresh().catch(() => undefined));
keepFresh();
