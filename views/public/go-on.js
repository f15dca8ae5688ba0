// `replace`: the page in between is nothing to come back to.
location.replace(document.querySelector('[data-go-on]').href);
