/** What runs in the cage can neither stay, nor grow, nor see. The checks before it are not asked here. */
import { expect } from 'chai';
import { Cage } from '../../../src/mail/caged/cage.ts';

const job = (source: string, model: Record<string, string> = {}) => ({ source, isPlain: false, model });

describe('cage of mail templates', () => {
  let cage: Cage;
  beforeEach(() => {
    cage = new Cage();
  });
  afterEach(() => cage.close());

  it('ML-73 writes values as text', async () => {
    const model = { app: `<a href=//evil>x</a>{{7*7}}"'=\`&` };
    expect(await cage.render(job('<p title="{{app}}">{{app}}</p>', model))).to.deep.equal({
      text: '<p title="W">W</p>'.replaceAll(
        'W',
        '&lt;a href&#x3D;//evil&gt;x&lt;/a&gt;{{7*7}}&quot;&#x27;&#x3D;&#x60;&amp;',
      ),
    });
  });

  it('ML-74 knows no helper, no partial, no prototype and no syntax tree', async () => {
    for (const source of [
      '{{#each this}}{{@key}}{{/each}}',
      '{{#with app}}{{length}}{{/with}}',
      '{{lookup this "app"}}',
      '{{log app}}',
      '{{> x}}',
      '{{constructor}}',
      '{{app.constructor.constructor}}',
      '{{__proto__}}',
      '{{toString}}',
    ]) {
      const result = await cage.render(job(source, { app: 'Shop' }));
      expect('text' in result ? result.text : result.fault, source).to.be.oneOf(['template', '']);
    }
    // What the store could hold after somebody else wrote to it: no string at all.
    const tree = { type: 'Program', body: [], strip: {} } as unknown as string;
    expect(await cage.render(job(tree))).to.deep.equal({ fault: 'template' });
  });

  it('ML-74 an output that is too large is a fault', async () => {
    expect(await cage.render(job('{{a}}'.repeat(2000), { a: 'x'.repeat(100) }))).to.deep.equal({
      fault: 'size',
    });
  });

  it('ML-74 what takes too long is ended, and the next one runs', async () => {
    const impatient = new Cage({ timeoutMs: 30 });
    // Compiling 200,000 blocks takes far longer than that; the check lets 64,000 characters through.
    const slow = impatient.render(job('{{#if a}}x{{/if}}'.repeat(200_000), { a: '1' }));
    const next = impatient.render(job('fine {{a}}', { a: '1' }));
    expect(await slow).to.deep.equal({ fault: 'time' });
    const answer = await next;
    expect('text' in answer ? answer.text : answer.fault).to.be.oneOf(['fine 1', 'time']);
    await impatient.close();
  });

  it('ML-74 what fills its memory is ended, and the next one runs', async () => {
    const patient = new Cage({ timeoutMs: 30_000 });
    const result = await patient.render(job('{{#if a}}x{{/if}}'.repeat(600_000), { a: '1' }));
    expect(result).to.deep.equal({ fault: 'memory' });
    expect(await patient.render(job('fine'))).to.deep.equal({ text: 'fine' });
    await patient.close();
  });
});
