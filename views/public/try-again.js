// Asks again by itself, at uneven times so that waiting browsers do not come back all at once. A reload keeps the
// fragment of the address, which may hold a link's secret; following the link would drop it.
const PAUSE_MS = 5000;
const again = document.querySelector('[data-try-again]');

function tryAgain(event) {
  if (again.getAttribute('href') === '') {
    event?.preventDefault();
    location.reload();
  } else if (!event) {
    location.replace(again.href);
  }
}

if (again) {
  again.addEventListener('click', tryAgain);
  setTimeout(tryAgain, PAUSE_MS * (1 + Math.random()));
}
