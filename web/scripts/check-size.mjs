// Fails the build when what a visitor loads first grows beyond its budget: every script and style of the start page,
// gzipped, without the parts that are loaded when they are needed.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 200 * 1024;

const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));
const seen = new Set();
const collect = (name) => {
  const chunk = manifest[name];
  if (!chunk || seen.has(chunk.file)) return;
  seen.add(chunk.file);
  for (const style of chunk.css ?? []) seen.add(style);
  for (const other of chunk.imports ?? []) collect(other);
};
for (const name of Object.keys(manifest)) if (manifest[name].isEntry) collect(name);
const size = (file) => gzipSync(readFileSync(`dist/${file}`)).length;
const total = [...seen].reduce((sum, file) => sum + size(file), 0);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
for (const file of seen) process.stdout.write(`  ${file} ${kib(size(file))}\n`);
process.stdout.write(`first load: ${kib(total)} gzipped of ${kib(BUDGET_BYTES)}\n`);
if (seen.size === 0 || total > BUDGET_BYTES) process.exit(1);
