// Runs every test suite and counts: `N passed, N failed` is the last line, exit 1 if any failed.
// Owns the list of suites and how each runner's output is counted. Does not know what is tested,
// nor when a step begins: cores.mjs. Suites run beside each other where their steps' kinds allow.
//   node tools/test.mjs [SUITE...]     suites: see the table at the end
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Cores, each } from './cores.mjs'

const logs = 'build/test-logs'
mkdirSync(logs, { recursive: true })
let passed = 0
let failed = 0
const took = [] // of every step: its name and ms
const cores = new Cores()

// Process groups of the steps that run: they end with this program, and one that is killed with all
// that it started.
const groups = new Set()
const killGroup = (pid) => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    for (const pid of groups) killGroup(pid)
    process.exit(1)
  })

// Run a command to its end; its whole output goes to a log file and is returned.
function run(name, command, args, { env = {}, timeoutS = 900 } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own
    })
    if (child.pid) groups.add(child.pid)
    let output = ''
    child.stdout.on('data', (d) => {
      output += d
    })
    child.stderr.on('data', (d) => {
      output += d
    })
    const timer = setTimeout(() => {
      output += `\n${name}: over ${timeoutS} s, killed\n`
      killGroup(child.pid)
    }, timeoutS * 1000)
    child.on('error', (error) => {
      output += `\n${name}: ${error.message}\n`
    })
    child.on('close', (code) => {
      groups.delete(child.pid)
      clearTimeout(timer)
      writeFileSync(path.join(logs, `${name.replaceAll(/[^\w.-]+/g, '_')}.log`), output)
      done({ code: code ?? 1, output })
    })
  })
}

function report(name, ok, bad, output, ms) {
  passed += ok
  failed += bad
  took.push({ name, ms })
  const counts = ok || bad ? `: ${ok} passed, ${bad} failed` : ''
  console.log(`${bad ? 'FAIL' : 'ok  '} ${name}${counts} (${(ms / 1000).toFixed(1)} s)`)
  if (!bad) return
  const lines = output.split('\n')
  const failures = lines.flatMap((line, i) => (/^\s*not ok \d/.test(line) ? failure(lines, i) : []))
  for (const line of [...failures, ...lines.slice(failures.length ? -10 : -60)])
    console.log(`     ${line.slice(0, 300)}`)
}

/** Of TAP: the line i, and what its block says, with the first lines of the stack. */
function failure(lines, i) {
  const [indent] = /^\s*/.exec(lines[i])
  const begins = lines[i + 1]?.startsWith(`${indent}  ---`)
  const end = begins ? lines.indexOf(`${indent}  ...`, i + 1) : i + 1
  const block = lines.slice(i, end < 0 ? undefined : end)
  const stack = block.findIndex((line) => /^\s*stack:/.test(line))
  if (block.length <= 30 || stack < 24) return block.slice(0, 30)
  return [...block.slice(0, 24), `${indent}  (more)`, ...block.slice(stack, stack + 5)]
}

const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((n, m) => n + Number(m[1]), 0)
const count = (text, pattern) => [...text.matchAll(pattern)].length
// How each runner's output is counted: [passed, failed].
const counters = {
  exit: (r) => [r.code === 0 ? 1 : 0, r.code === 0 ? 0 : 1],
  step: (r) => [0, r.code === 0 ? 0 : 1], // a build: counts only when it fails
  cmocka: (r) => [
    sum(r.output, /\[\s+PASSED\s+\] (\d+) test/g),
    sum(r.output, /\[\s+FAILED\s+\] \w*:?\s*(\d+) test/g),
  ],
  node: (r) => [sum(r.output, /^(?:#|ℹ) pass (\d+)/gm), sum(r.output, /^(?:#|ℹ) fail (\d+)/gm)],
  tap: (r) => [count(r.output, /^\s*ok \d/gm), count(r.output, /^\s*not ok \d/gm)],
  unittest: (r) => {
    const bad = sum(r.output, /(?:failures|errors)=(\d+)/g)
    return [sum(r.output, /^Ran (\d+) tests?/gm) - bad, bad]
  },
  line: (r) => [
    sum(r.output, /^(\d+) passed, \d+ failed/gm),
    sum(r.output, /^\d+ passed, (\d+) failed/gm),
  ],
}

/** kind: of cores.mjs. */
function one(name, counter, command, args, { kind = 'computes', ...options } = {}) {
  return cores.run(kind, () => oneNow(name, counter, command, args, options))
}
async function oneNow(name, counter, command, args, options) {
  const start = performance.now()
  const result = await run(name, command, args, options)
  let [ok, bad] = counters[counter](result)
  if (result.code !== 0 && bad === 0) bad = 1 // crashed, timed out or would not start
  if (result.code === 0 && ok === 0 && counter !== 'step') bad = 1 // a runner that ran nothing proves nothing
  report(name, ok, bad, result.output, performance.now() - start)
  return bad === 0
}

const list = (folder, pattern) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true })
        .map(String)
        .filter((f) => pattern.test(f))
        .sort()
        .map((f) => path.join(folder, f))
    : []
const nodeTests = (folder) => list(folder, /^(?!.*node_modules).*\.test\.mjs$/)

// ASan and UBSan options: fail loudly, keep going nowhere.
const sanitize = {
  ASAN_OPTIONS: 'abort_on_error=0:detect_leaks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
}

// What is built, each once, and one after the other: the first that asks waits for no other step.
const built = new Map()
const once = (name, work) => {
  if (!built.has(name)) built.set(name, work())
  return built.get(name)
}
const make = (name, command, args, options) =>
  once([command, ...args].join(' '), () =>
    one(name, 'step', command, args, { kind: 'build', ...options }),
  )
const configure = (preset) => make(`configure ${preset}`, 'cmake', ['--preset', preset])
// targets: none for all.
async function build(preset, targets = []) {
  const wanted = targets.length ? ['--target', ...targets] : []
  const name = ['build', preset, ...(targets.length > 3 ? ['its tests'] : targets)].join(' ')
  return (
    (await configure(preset)) &&
    make(name, 'cmake', ['--build', `build/${preset}`, ...wanted], { timeoutS: 1800 })
  )
}
// What the suites of the browser's side stand on: each builds what it needs, also when run alone.
const buildModules = () => build('wasm', ['nearfield', 'nearfield-route'])
// the server, and the tiny models of the GPU's tests
const buildNative = () =>
  build('native', [
    'nearfield',
    'nearfield-server',
    'nearfield-render',
    'make_tiny',
    'server_with_faults',
  ])
const npm = (name, args) => make(name, 'npm', ['run', '--silent', ...args])
const buildSdk = async () => (await buildModules()) && npm('sdk build', ['build', '-w', 'sdk'])
const buildApp = async () => (await buildSdk()) && npm('app build', ['build', '-w', 'app'])

/** Names of the programs that a folder's sources are built into. */
const programs = (folder, pattern) =>
  list(folder, /\.c$/)
    .map((file) => path.basename(file, '.c'))
    .filter((name) => pattern.test(name))
// Those that run the real model on two threads want both cores.
const BOTH_CORES = /^test_(agreement|lossless|model_real|session_real)$/

async function cTests(preset, pattern = /^(test|fuzz)_/) {
  const tests = programs('tests', /^test_/).filter((name) => pattern.test(name))
  const fuzzers = programs('fuzz', /^fuzz_/).filter((name) => pattern.test(name))
  if (tests.length === 0) report(`${preset}: no test is called ${pattern}`, 0, 1, '', 0)
  // the release build is made whole: benchmarks are to compile, too
  if (!(await build(preset, preset === 'native' ? [] : [...tests, ...fuzzers]))) return
  const corpus = (name) => `fuzz/corpus/${name.slice(5)}`
  await Promise.all([
    ...tests.map((name) =>
      one(`${preset} ${name}`, 'cmocka', `build/${preset}/tests/${name}`, [], {
        env: sanitize,
        kind: BOTH_CORES.test(name) ? 'alone' : 'computes',
      }),
    ),
    ...fuzzers.map((name) =>
      one(`${preset} replay ${name}`, 'exit', `build/${preset}/fuzz/${name}`, [corpus(name)], {
        env: sanitize,
      }),
    ),
  ])
}
// timeoutS: twice what the slowest takes on a machine half as fast.
const nodeFile = (file, { label = '', timeoutS = 900, ...options } = {}) =>
  one(label + file, 'node', process.execPath, ['--test', '--test-reporter=tap', file], {
    timeoutS,
    ...options,
  })
const nodeSuite = (folder, options) =>
  Promise.all(nodeTests(folder).map((file) => nodeFile(file, options)))
const vitest = (name, root) =>
  one(
    name,
    'tap',
    'npx',
    ['--no-install', 'vitest', 'run', '--reporter=tap-flat', '--root', root],
    { kind: 'alone' },
  )

// Runs of a fuzzer, some ten seconds of one core each. What is tried depends on nothing but the code
// and this file, so that a commit tries here what it tried where it was written: a number of runs
// and not of seconds, seeds in the order of their names and not of the disk, nothing found by an
// earlier call, and no operand of a comparison in an input (-use_cmp=0: many are addresses, which
// differ from run to run). New inputs are `./dev soak fuzz`'s.
const fuzzRuns = { edit: 300, engine: 8000, model: 10000, prefix: 8000, text: 8000 }
const fuzzRunsOf = (name) => fuzzRuns[name] ?? 30000

function fuzz(program) {
  const name = program.slice(5)
  const made = `build/fuzz/made/${name}`
  rmSync(made, { recursive: true, force: true })
  mkdirSync(made, { recursive: true })
  writeFileSync(`${made}.seeds`, list(`fuzz/corpus/${name}`, /./).join(','))
  const options = [
    '-seed=1',
    `-runs=${fuzzRunsOf(name)}`,
    '-use_cmp=0',
    '-reload=0', // of `made`, each second
    '-timeout=25', // for what hangs: a second here is one of a machine that does much else
    '-rss_limit_mb=2048',
    `-artifact_prefix=build/fuzz/${name}-`,
    `-seed_inputs=@${made}.seeds`,
    made,
  ]
  return one(`fuzz ${name}`, 'exit', `build/fuzz/fuzz/${program}`, options, { timeoutS: 300 })
}

// Of tests/server: those that transcribe, render or ask the model, a core each. The others wait for
// sockets, disks and clocks, so two of them run at a time, beside what computes.
const COMPUTES =
  /(inference|render|render_faults|sdk_client|transcribe|transcribe_resume)\.test\.mjs$/
// Of tests/browser: the GPU's rows, whatever else runs. The others assert on time.
const PARITY = /parity\.test\.mjs$/

// Of clang-tidy's time 95 % is the static analyser's, on its way through functions whose paths it
// cannot end. With all suites it takes a fifth of its own limit of steps (225,000 a function), and
// as much less time; asked for by name, as in ./dev lint, it has the whole.
const analyser = (option) =>
  ['-analyzer-config', option].flatMap((word) => ['--extra-arg=-Xclang', `--extra-arg=${word}`])

const suites = {
  async lint() {
    await one('layers', 'exit', process.execPath, ['tools/layers.mjs'])
    await one('clang-format', 'exit', 'bash', [
      '-c',
      '. tools/dev/setup.sh; own_c_files | xargs clang-format-19 --dry-run -Werror --style=file',
    ])
    await one('biome', 'exit', 'npx', ['--no-install', 'biome', 'check', '.'])
    if (existsSync('tools/gen_status.mjs'))
      await one('generated files are current', 'exit', process.execPath, [
        'tools/gen_status.mjs',
        '--check',
      ])
    await one('links', 'exit', process.execPath, ['tools/links.mjs'])
    // every export of the SDK is documented, every link in a doc comment leads somewhere
    await one('typedoc', 'exit', 'npm', ['run', '--silent', 'check', '-w', 'tools/docs'])
  },
  async server() {
    const files = nodeTests('tests/server')
    const runs = []
    // the command line too: it lints what was transcribed
    if (await buildNative()) runs.push(...files.map((file) => [file, {}]))
    const env = {
      ...sanitize,
      NEARFIELD_SERVER: 'build/asan/nearfield-server',
      NEARFIELD_ROUNDS: '10',
    }
    if (await build('asan', ['nearfield-server', 'nearfield-render', 'server_with_faults']))
      runs.push(...files.map((file) => [file, { label: 'asan ', env }]))
    const computing = runs.filter(([file]) => COMPUTES.test(file))
    const waiting = runs.filter(([file]) => !COMPUTES.test(file))
    await Promise.all([
      each(2, waiting, ([file, options]) => nodeFile(file, { kind: 'waits', ...options })),
      ...computing.map(([file, options]) => nodeFile(file, options)),
    ])
  },
  native: () => cTests('native'),
  async tidy() {
    if (!(await configure('native'))) return
    const files =
      '. tools/dev/setup.sh; own_c_files | grep -E "^(src|cli|server|workers)/.*\\.c$" | grep -vE "_wasm\\.c$|kernel/(kernel_|table_)"'
    const depth = wanted.includes('tidy') ? [] : analyser('max-nodes=40000')
    const check = [
      'xargs -n 4 clang-tidy-19 --quiet -p build/native --warnings-as-errors="*"',
      ...depth,
    ].join(' ')
    await Promise.all(
      [0, 1].map((half) =>
        one(
          `clang-tidy, half ${half + 1} of the files`,
          'exit',
          'bash',
          ['-c', `${files} | awk "NR % 2 == ${half}" | ${check}`],
          { timeoutS: 1800 },
        ),
      ),
    )
  },
  asan: () => cTests('asan'),
  tsan: () => cTests('tsan', /^test_(pool|session|branches|spans|adapter|os)/),
  async fuzz() {
    const names = programs('fuzz', /^fuzz_/)
    if (!(await build('fuzz', names))) return
    await Promise.all(names.map(fuzz))
  },
  async wasm() {
    if (!(await build('wasm'))) return
    const inNode = (name, script, module, ...args) =>
      one(`wasm ${name}`, 'line', process.execPath, [
        `tests/wasm/${script}.mjs`,
        `build/wasm/${module}.wasm`,
        ...args,
      ])
    const { NEARFIELD_MODEL: model } = process.env
    await Promise.all([
      inNode('test_kernel', 'run_kernel', 'test_kernel'),
      inNode('test_kernel_base', 'run_kernel', 'test_kernel_base'),
      inNode('test_model', 'run_model', 'test_model', model),
      inNode('test_model_base', 'run_model', 'test_model_base', model),
      inNode('memory', 'run_memory', 'nearfield', model),
    ])
  },
  // WGSL and sdk/src/gpu on Dawn, over the software driver that Chromium brings (no GPU needed)
  async gpu() {
    const vulkan = {
      LD_LIBRARY_PATH: '/usr/lib/chromium',
      VK_ICD_FILENAMES: '/usr/lib/chromium/vk_swiftshader_icd.json',
    }
    if ((await buildNative()) && (await build('wasm')))
      await nodeSuite('tests/gpu', {
        env: vulkan,
        ...(process.env.NEARFIELD_GPU_ALL && { timeoutS: 7200 }), // './dev soak gpu'
      })
  },
  async cli() {
    // bench/route runs the router's module
    if ((await build('native')) && (await buildModules()))
      await Promise.all([nodeSuite('tests/cli'), nodeSuite('bench'), nodeSuite('tools')])
  },
  // the recipe of the training data and the scoreboard, on the standard library alone
  async model() {
    await one('model', 'unittest', 'python3', ['-m', 'unittest', 'discover', 'model/tests'])
  },
  async sdk() {
    if (!(await buildSdk())) return
    await vitest('sdk unit', 'sdk')
    if (existsSync('tools/size_gate.mjs'))
      await one('size gate', 'exit', process.execPath, ['tools/size_gate.mjs'])
  },
  async app() {
    if (await buildApp()) await vitest('app unit', 'app')
  },
  async browser() {
    if (
      (await buildApp()) &&
      (await buildNative()) &&
      (await build('wasm', ['test_gpu_model'])) // sdk/parity.test.mjs
    )
      await Promise.all(
        nodeTests('tests/browser').map((file) =>
          nodeFile(file, { timeoutS: 1200, kind: PARITY.test(file) ? 'computes' : 'alone' }),
        ),
      )
  },
  // the tarball of the SDK, installed and used as its users do; no step asserts on time
  async pack() {
    if ((await buildSdk()) && (await buildNative()))
      await nodeSuite('tests/pack', { timeoutS: 1200 })
  },
}

const wanted = process.argv.slice(2)
for (const name of wanted) {
  if (!(name in suites)) {
    console.error(`no suite '${name}'; there are: ${Object.keys(suites).join(' ')}`)
    process.exit(2)
  }
}
/** Of all cores since the machine started: ms at work, and ms in all. */
function machineMs() {
  const times = os.cpus().map((core) => core.times)
  const total = (of) => times.reduce((ms, core) => ms + of(core), 0)
  const all = total((t) => t.user + t.nice + t.sys + t.irq + t.idle)
  return { busy: all - total((t) => t.idle), all }
}
const seconds = (ms) => (ms / 1000).toFixed(0)

const start = performance.now()
const before = machineMs()
const chosen = wanted.length > 0 ? wanted : Object.keys(suites)
await Promise.all(chosen.map((name) => suites[name]()))
const after = machineMs()
const busy = (after.busy - before.busy) / (after.all - before.all)
const longest = took.sort((a, b) => b.ms - a.ms).slice(0, 12)
console.log(`longest, s: ${longest.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}`)
console.log(
  `${((performance.now() - start) / 60000).toFixed(1)} minutes; the cores were at work ${(busy * 100).toFixed(0)} % of them`,
)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
