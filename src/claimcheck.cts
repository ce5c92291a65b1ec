#!/usr/bin/env node
/*
 * The command. Files are opened, written and fsynced by libuv's threads, of which four are too few where many small files
 * come at once. Their number counts when the first of them starts, and loading an ES module starts it: hence this CommonJS
 * module before all others.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '16';
void import('./main.js');
