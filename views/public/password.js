// Shows and hides the password, and says how strong a new one looks. The server decides; without this all works.
const input = document.querySelector('#password');
const toggle = document.querySelector('[data-show-password]');

toggle.addEventListener('click', () => {
  const isShown = input.type === 'password';
  input.type = isShown ? 'text' : 'password';
  toggle.textContent = isShown ? toggle.dataset.hide : toggle.dataset.show;
  toggle.setAttribute('aria-pressed', String(isShown));
  input.focus();
});

// What a password manager keeps is a password, never a text field.
input.form.addEventListener('submit', () => {
  input.type = 'password';
});

const strength = document.querySelector('[data-strength]');
if (strength) {
  const meter = strength.querySelector('meter');
  const text = strength.querySelector('[data-strength-text]');
  const least = Number(input.dataset.min);
  input.addEventListener('input', () => {
    const letters = [...input.value.normalize('NFC')];
    const distinct = new Set(letters).size;
    const isLong = letters.length >= least && distinct >= 5;
    const isGood = isLong && letters.length >= least + 5 && distinct >= 9;
    strength.hidden = letters.length === 0;
    meter.value = isGood ? 4 : isLong ? 3 : 1;
    text.textContent = isGood ? text.dataset.good : isLong ? text.dataset.fair : text.dataset.short;
  });
}
