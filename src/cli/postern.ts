#!/usr/bin/env node
/** The `postern` command: the process around `run.ts`. No logic. */
import '../preflight.mjs';
import process from 'node:process';
import { runCommand } from './run.ts';
import { readInput } from './standard-input.ts';

process.exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
  input: (prompt) => readInput(process.stdin, process.stderr, prompt),
  ...(process.stderr.isTTY && { progress: (line) => process.stderr.write(`\r\u001b[K${line}`) }),
});
