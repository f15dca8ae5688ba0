/** A template that is fine, to put something into. */
export const GOOD_HTML = `<!doctype html>
<html lang="{{lang}}" dir="{{dir}}">
<head>
<meta charset="utf-8">
<title>{{app}}</title>
<style>.card { color: #111111; }</style>
</head>
<body style="margin:0;background:{{accent}};">
<!--[if mso]><table role="presentation" width="520"><tr><td><![endif]-->
<p class="card">Hello from {{app}}: {{device}} asked at {{asked_at}}.</p>
<p><a href="{{link}}" style="color:{{on_accent}}">Sign in</a></p>
{{#if code}}
<p>{{code}}</p>
{{else}}
<p>Only in this browser.</p>
{{/if}}
<p>PLACE</p>
<!--[if mso]></td></tr></table><![endif]-->
</body>
</html>
`;

/** The line that `PLACE` stands on. */
export const PLACE_LINE = GOOD_HTML.split('\n').indexOf('<p>PLACE</p>') + 1;

export const GOOD_TEXT = `Hello from {{app}}. Somebody asked to sign in with this mailbox, on {{device}}, at {{asked_at}}.
If that was not you, do nothing at all.

{{link}}

{{#if code}}
{{code}}
{{/if}}
`;

/** @param text on the line of the place; it may hold more lines */
export const htmlWith = (text: string): string => GOOD_HTML.replace('<p>PLACE</p>', () => text);
