// Once: a page that comes back from the browser's memory must not send itself again.
const form = document.querySelector('[data-send]');
if (!form.dataset.sent) {
  form.dataset.sent = 'yes';
  form.requestSubmit();
}
