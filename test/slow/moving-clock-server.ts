/** The real server with a clock that is moved over the process channel: for what takes a day, in processes of their own. */
import process from 'node:process';

const realNow = Date.now;
let moved = 0;
Date.now = () => realNow() + moved;

process.on('message', (told: { readonly moved: number }) => {
  moved = told.moved;
  process.send?.('moved');
});

await import('../../src/main.ts');
