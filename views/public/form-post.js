// A field of the answer may be called "submit" and hide the method of that name.
HTMLFormElement.prototype.submit.call(document.querySelector('[data-form-post]'));
