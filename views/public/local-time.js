// The server does not know where the person is: UTC without script, their own clock with it.
const shape = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: 'medium',
  timeStyle: 'short',
});
for (const time of document.querySelectorAll('time[data-local-time]')) {
  time.textContent = shape.format(new Date(time.dateTime));
}
