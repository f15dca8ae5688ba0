// The server does not know where the person is: UTC without script, their own clock with it.
// Digits as in the code and in the mail, in every language.
const shape = new Intl.DateTimeFormat(`${document.documentElement.lang}-u-nu-latn`, {
  dateStyle: 'medium',
  timeStyle: 'short',
});
for (const time of document.querySelectorAll('time[data-local-time]')) {
  time.textContent = shape.format(new Date(time.dateTime));
}
