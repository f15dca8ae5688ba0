/**
 * The engine warns on every start that it wants an LTS release of Node. Postern brings the exact Node it is tested with
 * (design §9), so the line would only alarm whoever starts it for the first time. Imported before the engine.
 */
const NOTICE = 'oidc-provider WARNING: Unsupported runtime.';

const { warn } = console;

console.warn = (...words: unknown[]) => {
  if (!String(words[0]).includes(NOTICE)) warn.call(console, ...words);
};
