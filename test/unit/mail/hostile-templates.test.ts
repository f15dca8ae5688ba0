/** Templates that must never be saved. Each is refused with its line, a reason and how to mend it. */
import { expect } from 'chai';
import { checkTemplate, MAX_SOURCE } from '../../../src/mail/caged/check-template.ts';
import { type Finding, isRefused, type Part } from '../../../src/mail/caged/finding.ts';
import { SIGN_IN } from '../../../src/mail/kinds/sign-in.ts';
import { GOOD_HTML, GOOD_TEXT, htmlWith, PLACE_LINE } from '../../support/mail-template.ts';

const RULES = { imageHosts: ['images.shop.example'] };
const check = (part: Part, source: unknown): Finding[] => checkTemplate(SIGN_IN, part, source, RULES);
const refusals = (part: Part, source: unknown): Finding[] => check(part, source).filter(isRefused);

/** [threat, source in the place of the good template, part of the reason, line below the place] */
const IN_PLACE: readonly (readonly [string, string, RegExp, number?])[] = [
  ['ML-74 three braces', '<p>{{{device}}}</p>', /unescaped/],
  ['ML-74 an ampersand', '<p>\n{{& device}}</p>', /unescaped/, 1],
  ['ML-74 constructor', '<p>{{constructor.constructor}}</p>', /path/],
  ['ML-74 constructor as a word', '<p>{{constructor}}</p>', /no field/],
  ['ML-74 CVE-2019-19919 __proto__', '<p>{{__proto__}}</p>', /no field/],
  ['ML-74 __defineGetter__', '<p>\n\n{{__defineGetter__ "a" app}}</p>', /helper/, 2],
  ['ML-74 CVE-2021-23369 lookup', '{{#with (lookup this "constructor")}}x{{/with}}', /block/],
  [
    'ML-74 CVE-2021-23383 with and split',
    '{{#with "s" as |string|}}{{#with split as |list|}}{{this.pop}}{{/with}}{{/with}}',
    /block/,
  ],
  ['ML-74 a subexpression', '<p>{{#if (log device)}}x{{/if}}</p>', /no field/],
  ['ML-74 CVE-2026-33916 a partial', '<p>{{> header}}</p>', /partial/],
  ['ML-74 a dynamic partial', '<p>{{> (lookup . "app")}}</p>', /partial/],
  ['ML-74 a partial block', '{{#> layout}}x{{/layout}}', /partial block/],
  ['ML-74 an inline partial', '{{#*inline "x"}}y{{/inline}}', /inline partial/],
  ['ML-74 a decorator', '<p>{{* activate app}}</p>', /decorator/],
  ['ML-74 the log helper', '<p>{{log app}}</p>', /helper/],
  ['ML-74 @root', '<p>{{@root}}</p>', /path @root/],
  ['ML-74 @root.link', '<p>{{@root.link}}</p>', /path/],
  ['ML-74 the frame above', '<p>{{../app}}</p>', /path/],
  ['ML-74 this', '<p>{{this}}</p>', /path/],
  ['ML-74 this.app', '<p>{{this.app}}</p>', /path/],
  ['ML-74 a name in brackets', '<p>{{[constructor]}}</p>', /path|no field/],
  ['ML-74 a literal', '<p>{{"constructor"}}</p>', /no field/],
  ['ML-74 a raw block', '{{{{raw}}}} {{{link}}} {{{{/raw}}}}', /raw block/],
  ['ML-74 a section on a field', '{{#code}}x{{/code}}', /block/],
  ['ML-74 block parameters', '{{#if code as |c|}}x{{/if}}', /block parameter/],
  ['ML-74 blocks in blocks', `${'{{#if code}}'.repeat(5)}x${'{{/if}}'.repeat(5)}`, /deep/],
  ['ML-74 a block left open', '<p>{{#if code}}x</p>', /Handlebars/, 4],
  ['ML-74 a block closed by another', '{{#if code}}x{{/unless}}', /closed by/],
  ['ML-75 every value there is', '{{#each this}}{{@key}}={{this}},{{/each}}', /block/],
  ['ML-75 a setting', '<p>{{smtp_url}}</p>', /no field smtp_url/],
  ['ML-76 the link behind another address', '<a href="https://evil.example/?{{link}}">x</a>', /href/],
  ['ML-76 the link before something', '<a href="{{link}}&x=1">x</a>', /href/],
  ['ML-76 the name of the app as an address', '<a href="{{app}}">x</a>', /href/],
  ['ML-73 javascript:', '<a href="javascript:alert(1)">x</a>', /href/],
  ['ML-73 javascript: by entities', '<a href="&#106;ava&Tab;script:alert(1)">x</a>', /href/],
  ['ML-73 data:', '<a href="data:text/html,x">x</a>', /href/],
  ['ML-73 an address without scheme', '<a href="//evil.example">x</a>', /href/],
  ['ML-73 http:', '<a href="http://shop.example">x</a>', /href/],
  ['ML-73 a name before the host', '<a href="https://shop.example@evil.example">x</a>', /href/],
  ['ML-73 an attribute without quotes', '<p title={{device}}>x</p>', /without quotes/],
  ['ML-73 an attribute by its name', '<p {{device}}="x">x</p>', /not for mails/],
  ['ML-73 an element by its name', '<{{device}}>x', /not for mails/],
  ['ML-73 a value in a comment', '<!-- {{device}} -->', /comment/],
  ['ML-73 a value in an end tag', '<p>x</p {{device}}>', /end-tag-with-attributes/],
  ['ML-73 a value in a tag that parsers pass over', '<td title="{{minutes}}">x</td>', /loses it/],
  ['ML-73 a value in a second body', '<body style="color:{{on_accent}}">', /loses it/, -6],
  ['ML-73 a value in style', '<p style="{{device}}">x</p>', /in style/],
  ['ML-73 a value in <style>', '<style>.a { color: {{accent}}; }</style>', /<style>/],
  ['ML-73 a value in a handler', '<p onclick="x(\'{{device}}\')">x</p>', /runs a script/],
  ['ML-73 a handler', '<img src="https://images.shop.example/a.png" alt="" onerror="x()">', /runs a script/],
  ['ML-73 a script', '<p>x</p>\n<script>x()</script>', /<script>/, 1],
  ['ML-73 a script around a value', '<script>x("{{device}}")</script>', /<script>/],
  ['ML-73 a form', '<form action="https://evil.example"><p>x</p></form>', /<form>/],
  ['ML-73 a frame', '<iframe src="https://evil.example"></iframe>', /<iframe>/],
  ['ML-73 a refresh', '<meta http-equiv="refresh" content="0;url=https://evil.example">', /<meta>/],
  ['ML-73 a base', '<base href="https://evil.example/">', /<base>/],
  [
    'ML-73 a style sheet from elsewhere',
    '<link rel="stylesheet" href="https://evil.example/a.css">',
    /<link>/,
  ],
  ['ML-05 an image from elsewhere', '<img src="https://evil.example/a.png" alt="">', /tells who opened/],
  [
    'ML-05 an image that counts',
    '<img src="https://images.shop.example/a.png" width="1" alt="">',
    /nobody can see/,
  ],
  ['ML-05 an image with the code', '<img src="https://images.shop.example/{{code}}" alt="">', /in src/],
  [
    'ML-05 the logo with more',
    '{{#if logo}}<img src="{{logo}}?{{device}}" alt="">{{/if}}',
    /more than the logo/,
  ],
  [
    'ML-05 the logo behind a host',
    '{{#if logo}}<img src="https://evil.example/{{logo}}" alt="">{{/if}}',
    /more than the logo/,
  ],
  ['ML-05 the code as an image', '<img src="{{code}}" alt="">', /in src/],
  ['ML-05 the link as an image', '<img src="{{link}}" alt="">', /in src/],
  ['ML-05 a logo of one pixel', '{{#if logo}}<img src="{{logo}}" width="1" alt="">{{/if}}', /nobody can see/],
  ['ML-73 the logo where there may be none', '<img src="{{logo}}" alt="">', /without an address/],
  ['ML-76 the logo as a link', '{{#if logo}}<a href="{{logo}}">x</a>{{/if}}', /href/],
  ['ML-73 the logo as text', '{{#if logo}}<p>{{logo}}</p>{{/if}}', /as text/],
  ['ML-73 the logo in CSS', '{{#if logo}}<p style="color:{{logo}}">x</p>{{/if}}', /in style/],
  [
    'ML-05 a background',
    '<table background="https://evil.example/a.png"><tr><td>x</td></tr></table>',
    /background/,
  ],
  ['ML-05 CSS that loads', '<p style="background:url(https://evil.example/a)">x</p>', /loads/],
  [
    'ML-05 CSS that loads, hidden by an escape',
    '<p style="background:u\\72l(//evil.example)">x</p>',
    /backslash/,
  ],
  [
    'ML-05 CSS that loads, hidden by a comment',
    '<p style="background:u/**/rl(//evil.example)">x</p>',
    /comment/,
  ],
  ['ML-05 an import', '<style>\n@import "https://evil.example/a.css";</style>', /loads/, 1],
  ['ML-73 CSS that runs', '<p style="width:expression(alert(1))">x</p>', /runs/],
  [
    'ML-73 mutation: style in svg',
    '<svg><style><a title="</style><img src=x onerror=alert(1)>"></style></svg>',
    /<svg>/,
  ],
  [
    'ML-73 mutation: mglyph',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    /<math>/,
  ],
  [
    'ML-73 mutation: noscript',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    /<noscript>|broken/,
  ],
  ['ML-73 mutation: a comment that ends early', '<!--><img src=x onerror=alert(1)>-->', /comment|broken/],
  ['ML-73 mutation: a template', '<template><p>x</p></template>', /<template>/],
  [
    'ML-73 code in a comment for Outlook',
    '<!--[if mso]><v:rect href="https://evil.example"/><![endif]-->',
    /Outlook/,
  ],
  ['ML-73 an attribute twice', '<p title="a" title="b">x</p>', /duplicate-attribute/],
  ['ML-74 a character that a marker is made of', '<p>\ue000</p>', /private use/],
  ['ML-74 a character nobody sees', '<p>\u0000</p>', /control/],
];

describe('hostile mail templates', () => {
  it('the good one, into which they are put, is fine', () => {
    expect(check('html', GOOD_HTML)).to.deep.equal([]);
    expect(check('text', GOOD_TEXT)).to.deep.equal([]);
    expect(check('subject', 'Sign in to {{app}}')).to.deep.equal([]);
  });

  it('ML-05 the logo of the app is, where the template asks whether there is one', () => {
    const image = '<img src="{{logo}}" width="120" height="40" alt="{{app}}">';
    expect(check('html', htmlWith(`{{#if logo}}${image}{{else}}<b>{{app}}</b>{{/if}}`))).to.deep.equal([]);
    expect(refusals('text', `${GOOD_TEXT}\n{{logo}}`)).to.have.length(1);
  });

  for (const [title, source, reason, below = 0] of IN_PLACE) {
    it(`${title}: refused when saved, with line and reason`, () => {
      const found = refusals('html', htmlWith(source));
      const why = found.filter((finding) => reason.test(finding.reason));
      expect(why, JSON.stringify(found)).to.have.length.greaterThan(0);
      expect(why.map(({ line }) => line)).to.include(PLACE_LINE + below);
      expect(why.every(({ mend, column }) => mend !== '' && column > 0)).to.equal(true);
    });
  }

  for (const [title, source] of [
    ['ML-74 CVE-2026-33937 a syntax tree instead of a text', { type: 'Program', body: [], loc: {} }],
    ['ML-74 a list', ['<p>x</p>']],
    ['ML-74 a template of 1 MB', 'x'.repeat(1_000_000)],
    ['ML-74 ten thousand blocks', '{{#if code}}'.repeat(5000)],
    ['ML-74 elements a thousand deep', `${'<b>'.repeat(1000)}${'</b>'.repeat(1000)}`],
  ] as const) {
    it(`${title}: refused when saved`, () => {
      expect(refusals('html', source)).to.have.length.greaterThan(0);
    });
  }

  /** [threat, part, source, part of the reason] */
  const whole: readonly (readonly [string, Part, string, RegExp])[] = [
    [
      'ML-76 no link',
      'html',
      GOOD_HTML.replace('href="{{link}}"', 'href="https://shop.example"'),
      /lacks {{link}}/,
    ],
    [
      'ML-76 a link that nobody sees',
      'html',
      GOOD_HTML.replace('<p><a', '<p style="display:none"><a'),
      /lacks {{link}}/,
    ],
    [
      'ML-76 a link only with a code',
      'html',
      GOOD_HTML.replace('<p><a', '{{#if code}}<p><a').replace('Sign in</a></p>', 'Sign in</a></p>{{/if}}'),
      /lacks {{link}} when code is empty/,
    ],
    [
      'ML-76 a link only without one',
      'html',
      GOOD_HTML.replace('<p><a', '{{#unless link}}<p><a').replace(
        'Sign in</a></p>',
        'Sign in</a></p>{{/unless}}',
      ),
      /lacks {{link}}/,
    ],
    ['ML-76 no code', 'html', GOOD_HTML.replace('<p>{{code}}</p>', '<p>x</p>'), /lacks {{code}}/],
    ['ML-76 no link in the text', 'text', GOOD_TEXT.replace('{{link}}', ''), /lacks {{link}}/],
    ['ML-76 no code in the text', 'text', GOOD_TEXT.replace('{{code}}', ''), /lacks {{code}}/],
    [
      'ML-07 a link among words',
      'text',
      GOOD_TEXT.replace('{{link}}', 'Open {{link}}.'),
      /beside other words/,
    ],
    ['ML-06 the code at the beginning', 'text', `{{code}}\n${GOOD_TEXT}`, /at the beginning/],
    ['ML-06 the code in the subject', 'subject', '{{code}} is your code', /in the subject/],
    ['ML-77 the link in the subject', 'subject', 'Sign in: {{link}}', /in the subject/],
    ['ML-77 a header behind the subject', 'subject', 'Hello\r\nFrom: support@evil.example', /control/],
    ['ML-77 a header by a bare line feed', 'subject', 'Hello\nBcc: a@evil.example', /control/],
    ['ML-77 an empty subject', 'subject', '{{#if code}}{{/if}}', /empty/],
    ['ML-74 a helper in the text', 'text', `${GOOD_TEXT}{{lookup app "x"}}`, /helper/],
    ['ML-74 three braces in the text', 'text', `${GOOD_TEXT}{{{app}}}`, /unescaped/],
  ];
  for (const [title, part, source, reason] of whole) {
    it(`${title}: refused when saved, with its reason`, () => {
      expect(
        refusals(part, source)
          .map((finding) => finding.reason)
          .join('\n'),
      ).to.match(reason);
    });
  }

  it('ML-06 who asked and when may be left out, with a warning', () => {
    const found = check('html', GOOD_HTML.replace('{{device}} asked at {{asked_at}}', 'somebody asked'));
    expect(found.map(({ severity, reason }) => `${severity}: ${reason}`)).to.deep.equal([
      'warning: the mail does not say {{device}}',
      'warning: the mail does not say {{asked_at}}',
    ]);
  });

  it('an image of a named host is let in, one without alt is warned about', () => {
    const image = '<img src="https://images.shop.example/logo.png" width="120" height="40" alt="Shop">';
    expect(check('html', htmlWith(image))).to.deep.equal([]);
    const [warned] = check('html', htmlWith(image.replace(' alt="Shop"', '')));
    expect(warned).to.include({ severity: 'warning', line: PLACE_LINE });
  });

  it('one fault more than the source may be long is told without reading it', () => {
    const [found] = refusals('text', `${GOOD_TEXT}${'x'.repeat(MAX_SOURCE.text)}`);
    expect(found?.reason).to.match(/characters/);
  });
});
