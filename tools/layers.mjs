// The import law: a folder may include or import only folders above it in docs/architecture.md.
// Reads every #include "..." and import of the tree, prints the drawing of who uses whom, and
// exits 1 with one line per broken rule. Owns the list of layers; knows nothing of builds.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

// module -> [level, modules it may use beyond those of lower levels (its own is always fine)]
const levels = new Map([
  ['include', 0],
  ['src/base', 0],
  ['src/os', 1],
  ['src/gguf', 2],
  ['src/caption', 2],
  ['src/kernel', 3],
  ['src/gpu', 3],
  ['src/model', 4],
  ['src/text', 4],
  ['src/session', 5],
  ['src/edit', 6],
  ['src/policy', 6],
  ['src/api', 7],
])
// the rest of the tree: exactly what each may use
const only = new Map([
  ['cli', ['include']],
  ['server', ['include', 'third_party']],
  ['workers', ['include', 'third_party']],
  ['sdk', []],
  ['app', ['sdk']],
  ['examples', ['sdk']],
  ['fuzz', [...levels.keys(), 'server', 'third_party', 'tests']],
  ['tests', [...levels.keys(), 'server', 'third_party', 'sdk', 'app']],
  ['bench', [...levels.keys(), 'server', 'sdk', 'tests']],
])
const notUsedBy = {
  'src/text': ['src/model'],
  'src/model': ['src/text'],
  // facts in, plan out: it must fit a module of a few KB that a page has before any engine
  'src/policy': [...levels.keys()].filter((name) => !['include', 'src/base'].includes(name)),
}

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((f) => /\.(c|h|inc|ts|tsx|mts|mjs)$/.test(f) && !f.startsWith('third_party/'))
const known = new Set(files)

function moduleOf(file) {
  for (const name of [...levels.keys(), ...only.keys()])
    if (file.startsWith(`${name}/`)) return name
  return file.split('/')[0]
}

// The file of the tree that an include or import names, or null (a system or package name).
function resolve(from, name, isC) {
  if (isC) {
    const places = [
      path.posix.join(path.posix.dirname(from), name),
      `src/${name}`,
      `include/${name}`,
      name,
    ]
    return (
      places.find((p) => known.has(p)) ??
      (/^(llhttp|yyjson)/.test(name) ? `third_party/${name}` : null)
    )
  }
  if (name === 'nearfield' || name.startsWith('nearfield/')) return 'sdk/src/index.ts'
  return name.startsWith('.') ? path.posix.join(path.posix.dirname(from), name) : null
}

const uses = new Map()
const broken = []
for (const file of files) {
  const user = moduleOf(file)
  if (!levels.has(user) && !only.has(user)) continue
  const isC = /\.(c|h|inc)$/.test(file)
  const pattern = isC
    ? /^\s*#\s*include\s+"([^"]+)"/gm
    : /(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g
  for (const [, name] of readFileSync(file, 'utf8').matchAll(pattern)) {
    const target = resolve(file, name, isC)
    if (!target) continue
    const used = moduleOf(target)
    if (used === user) continue
    if (!uses.has(user)) uses.set(user, new Set())
    uses.get(user).add(used)
    const allowed = only.has(user)
      ? only.get(user).includes(used)
      : levels.has(used) &&
        levels.get(used) <= levels.get(user) &&
        (levels.get(used) < levels.get(user) || user === 'src/base') &&
        !notUsedBy[user]?.includes(used)
    if (!allowed) broken.push(`${file}: ${user} may not use ${used} ("${name}")`)
  }
}

for (const name of [...levels.keys(), ...only.keys()]) {
  const level = levels.has(name) ? `[${levels.get(name)}]` : '   '
  if (uses.has(name))
    console.log(`${level} ${name.padEnd(12)} uses ${[...uses.get(name)].sort().join(' ')}`)
}
for (const line of broken) console.error(line)
console.log(broken.length ? `${broken.length} broken` : 'layers: no include or import goes up')
process.exit(broken.length ? 1 : 0)
