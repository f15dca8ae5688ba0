// The whole sign-in of a single-page app. oidc-client-ts does discovery, PKCE, state, nonce and the code exchange.
const { UserManager, WebStorageStateStore } = globalThis.oidc;

const settings = await (await fetch('/settings.json')).json();
const home = new URL('/', settings.redirectUri).href;

// sessionStorage, for state as well as for tokens: it belongs to this tab and is gone when the tab is closed.
const storage = () => new WebStorageStateStore({ store: window.sessionStorage });
const manager = new UserManager({
  authority: settings.issuer,
  client_id: settings.clientId,
  redirect_uri: settings.redirectUri,
  post_logout_redirect_uri: home,
  scope: 'openid email offline_access',
  // The ID token says who it is; the address is a claim of userinfo.
  loadUserInfo: true,
  userStore: storage(),
  stateStore: storage(),
  automaticSilentRenew: false,
});

let refreshed = 0;
const element = (id) => document.getElementById(id);

function show(user) {
  element('signed-out').hidden = Boolean(user);
  element('signed-in').hidden = !user;
  element('email').textContent = user?.profile.email ?? '';
  element('sub').textContent = user?.profile.sub ?? '';
  element('refreshed').textContent = String(refreshed);
}

/** Runs one step and shows what went wrong instead of leaving a dead button. */
async function attempt(step) {
  element('error').textContent = '';
  try {
    await step();
  } catch (error) {
    element('error').textContent = error.error ? `${error.error}: ${error.error_description}` : String(error);
    show(await manager.getUser());
  }
}

element('login').addEventListener('click', () => attempt(() => manager.signinRedirect()));
element('logout').addEventListener('click', () => attempt(() => manager.signoutRedirect()));
element('refresh').addEventListener('click', () =>
  attempt(async () => {
    const user = await manager.signinSilent();
    refreshed += 1;
    show(user);
  }),
);

await attempt(async () => {
  if (location.pathname !== new URL(settings.redirectUri).pathname) return show(await manager.getUser());
  const answer = location.href;
  // The code leaves the address bar and the history before it is used.
  history.replaceState(null, '', home);
  show(await manager.signinRedirectCallback(answer));
});
