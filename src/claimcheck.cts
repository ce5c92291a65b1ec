#!/usr/bin/env node
/*
 * The command: starts the bundle that `npm run build` makes of everything else.
 *
 * Files are opened, written and fsynced by libuv's threads. Four are too few where many small files come at once, and their
 * number counts when the first of them starts: hence the setting before all else.
 */
import fs = require('node:fs');
import module = require('node:module');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');

process.env['UV_THREADPOOL_SIZE'] ??= '16';

// Little of what a start makes is thrown away, and the room that it fills would stay: `letMemoryGrow` ends this.
v8.setFlagsFromString('--semi-space-growth-factor=1');

const filename = path.join(__dirname, 'main.cjs');

/**
 * The bundle as V8 has compiled it at the build, so that a start need not. Another version of Node.js, or one with other flags
 * of V8, rejects it by itself and compiles.
 */
function readCompiled(): Buffer | undefined {
  try {
    return fs.readFileSync(path.join(__dirname, 'main.cache'));
  } catch {
    return undefined;
  }
}

// It is all ASCII: as Latin-1 it takes one byte a character.
const bundle = new vm.Script(fs.readFileSync(filename, 'latin1'), { filename, cachedData: readCompiled() });

// Node.js 20 has no compiler between its quick one and its best: under load it takes six seconds to reach full speed, and three with
// this budget, which later versions do not know. It is set once the bundle is there, which is rejected under another flag.
if (process.versions.node.startsWith('20.')) v8.setFlagsFromString('--interrupt-budget=20000');

// V8 makes objects old from the start where it has once seen many of their kind stay: those of large answers, in every other process,
// which then had 60 MiB more until the next collection.
v8.setFlagsFromString('--no-allocation-site-pretenuring');

bundle.runInThisContext()(module.createRequire(filename), {}, filename, __dirname);
