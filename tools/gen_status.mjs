// Writes sdk/src/status.gen.ts from the status enum of include/nearfield.h, so that the error
// codes of the SDK cannot drift from the C API. `--check`: exit 1 when the file is not current.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const target = new URL('sdk/src/status.gen.ts', root)

export function statusesOf(header) {
  const body = /typedef enum : int32_t \{([^}]*)\} nf_status;/.exec(header)?.[1]
  if (!body) throw new Error('include/nearfield.h: no enum nf_status found')
  return [...body.matchAll(/^\s*NF_(\w+) = (-?\d+),/gm)].map(([, name, value]) => ({
    name: name.toLowerCase(),
    value: Number(value),
  }))
}

export function render(statuses) {
  const line = ({ name, value }) => `  ${name}: ${value},`
  const failures = statuses.filter((s) => s.value < 0).sort((a, b) => b.value - a.value)
  return [
    '/** Generated from include/nearfield.h by tools/gen_status.mjs; do not edit. */',
    'export const status = {',
    ...[...statuses].sort((a, b) => a.value - b.value).map(line),
    '} as const',
    '',
    '/** The statuses that mean: failed for good. */',
    `export type StatusCode = ${failures.map((s) => `'${s.name}'`).join(' | ')}`,
    '',
    'export const statusCodes: ReadonlyMap<number, StatusCode> = new Map([',
    ...failures.map(({ name, value }) => `  [${value}, '${name}'],`),
    '])',
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = render(statusesOf(readFileSync(new URL('include/nearfield.h', root), 'utf8')))
  if (process.argv.includes('--check')) {
    if (readFileSync(target, 'utf8') !== text) {
      console.error('sdk/src/status.gen.ts is not current: run node tools/gen_status.mjs')
      process.exit(1)
    }
  } else {
    writeFileSync(target, text)
  }
}
