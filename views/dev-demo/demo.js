// The sign-out request is a form, so that the ID token in it stands in no URL; without script its button sends it.
document.querySelector('form[data-send]')?.requestSubmit();
