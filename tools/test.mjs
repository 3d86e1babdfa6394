// Runs every test suite and counts: `N passed, N failed` is the last line, exit 1 if any failed.
// Owns the list of suites and how each runner's output is counted. Does not know what is tested.
//   node tools/test.mjs [SUITE...]     suites: see the table at the end
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const logs = 'build/test-logs'
mkdirSync(logs, { recursive: true })
let passed = 0
let failed = 0

// Run a command to its end; its whole output goes to a log file and is returned.
function run(name, command, args, { env = {}, timeoutS = 900 } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (d) => {
      output += d
    })
    child.stderr.on('data', (d) => {
      output += d
    })
    const timer = setTimeout(() => {
      output += `\n${name}: over ${timeoutS} s, killed\n`
      child.kill('SIGKILL')
    }, timeoutS * 1000)
    child.on('error', (error) => {
      output += `\n${name}: ${error.message}\n`
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      writeFileSync(path.join(logs, `${name.replaceAll(/[^\w.-]+/g, '_')}.log`), output)
      done({ code: code ?? 1, output })
    })
  })
}

function report(name, ok, bad, output, ms) {
  passed += ok
  failed += bad
  const counts = ok || bad ? `: ${ok} passed, ${bad} failed` : ''
  console.log(`${bad ? 'FAIL' : 'ok  '} ${name}${counts} (${(ms / 1000).toFixed(1)} s)`)
  if (bad)
    console.log(
      output
        .split('\n')
        .slice(-60)
        .map((l) => `     ${l.slice(0, 300)}`)
        .join('\n'),
    )
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

async function one(name, counter, command, args, options) {
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
const nodeTests = (folder) => list(folder, /\.test\.mjs$/)

// ASan and UBSan options: fail loudly, keep going nowhere.
const sanitize = {
  ASAN_OPTIONS: 'abort_on_error=0:detect_leaks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
}

// targets: none for all.
async function build(preset, targets = []) {
  const wanted = targets.length ? ['--target', ...targets] : []
  return (
    (await one(`configure ${preset}`, 'step', 'cmake', ['--preset', preset])) &&
    (await one(`build ${preset}`, 'step', 'cmake', ['--build', `build/${preset}`, ...wanted], {
      timeoutS: 1800,
    }))
  )
}
async function cTests(preset, pattern = /./) {
  if (!(await build(preset))) return
  const tests = list(`build/${preset}/tests`, /^test_\w+$/).filter((f) => pattern.test(f))
  if (tests.length === 0) report(`${preset}: no test is called ${pattern}`, 0, 1, '', 0)
  for (const program of tests) {
    await one(`${preset} ${path.basename(program)}`, 'cmocka', program, [], { env: sanitize })
  }
  for (const program of list(`build/${preset}/fuzz`, /^fuzz_\w+$/).filter((f) => pattern.test(f))) {
    const corpus = `fuzz/corpus/${path.basename(program).slice(5)}`
    await one(`${preset} replay ${path.basename(program)}`, 'exit', program, [corpus], {
      env: sanitize,
    })
  }
}
async function nodeSuite(folder, { label = '', env = {}, timeoutS = 900 } = {}) {
  for (const file of nodeTests(folder)) {
    await one(label + file, 'node', process.execPath, ['--test', '--test-reporter=tap', file], {
      env,
      timeoutS,
    })
  }
}
// What the suites of the browser's side stand on: each builds what it needs, also when run alone.
const built = new Map()
const once = (name, work) => {
  if (!built.has(name)) built.set(name, work())
  return built.get(name)
}
const npm = (args) => ['npm', ['run', '--silent', ...args]]
const modules = ['nearfield', 'nearfield-relaxed', 'nearfield-route']
const buildModules = () => once('wasm', () => build('wasm', modules))
// the server, and the tiny models of the GPU's tests
const buildNative = () => once('server', () => build('native', ['nearfield-server', 'make_tiny']))
const buildSdk = () =>
  once(
    'sdk',
    async () => (await buildModules()) && one('sdk build', 'step', ...npm(['build', '-w', 'sdk'])),
  )
const buildApp = () =>
  once(
    'app',
    async () => (await buildSdk()) && one('app build', 'step', ...npm(['build', '-w', 'app'])),
  )

// Runs of the slower fuzzers, about half a minute each; of the others 100,000. A number of runs, not
// of seconds: with the seed it says which inputs are tried, however fast the machine is.
const fuzzRuns = { edit: 3000, engine: 20000, model: 40000, prefix: 20000, text: 15000 }

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
  },
  native: () => cTests('native'),
  async tidy() {
    if (!(await one('configure native', 'step', 'cmake', ['--preset', 'native']))) return
    await one(
      'clang-tidy',
      'exit',
      'bash',
      [
        '-c',
        '. tools/dev/setup.sh; own_c_files | grep -E "^(src|cli|server|workers)/.*\\.c$" | grep -vE "_wasm\\.c$|kernel/(kernel_|table_)" | xargs -P 2 -n 4 clang-tidy-19 --quiet -p build/native --warnings-as-errors="*"',
      ],
      { timeoutS: 1800 },
    )
  },
  asan: () => cTests('asan'),
  tsan: () => cTests('tsan', /\/test_(pool|session|branches|spans|adapter|os)/),
  async fuzz() {
    if (!(await build('fuzz'))) return
    const queue = list('build/fuzz/fuzz', /^fuzz_\w+$/)
    const work = async () => {
      for (let program = queue.shift(); program; program = queue.shift()) {
        const name = path.basename(program).slice(5)
        mkdirSync(`build/fuzz/corpus/${name}`, { recursive: true })
        await one(
          `fuzz ${name}`,
          'exit',
          program,
          [
            '-seed=1',
            `-runs=${fuzzRuns[name] ?? 100000}`,
            '-timeout=2',
            '-rss_limit_mb=2048',
            `-artifact_prefix=build/fuzz/${name}-`,
            `build/fuzz/corpus/${name}`,
            `fuzz/corpus/${name}`,
          ],
          { timeoutS: 300 },
        )
      }
    }
    await Promise.all([work(), work()])
  },
  async wasm() {
    if (!(await build('wasm'))) return
    for (const module of ['test_kernel', 'test_kernel_base']) {
      await one(`wasm ${module}`, 'line', process.execPath, [
        'tests/wasm/run_kernel.mjs',
        `build/wasm/${module}.wasm`,
      ])
    }
    for (const module of ['test_model', 'test_model_base']) {
      await one(`wasm ${module}`, 'line', process.execPath, [
        'tests/wasm/run_model.mjs',
        `build/wasm/${module}.wasm`,
        process.env.NEARFIELD_MODEL,
      ])
    }
    await one('wasm memory', 'line', process.execPath, [
      'tests/wasm/run_memory.mjs',
      'build/wasm/nearfield-relaxed.wasm',
      process.env.NEARFIELD_MODEL,
    ])
  },
  // WGSL and sdk/src/gpu on Dawn, over the software driver that Chromium brings (no GPU needed)
  async gpu() {
    const vulkan = {
      LD_LIBRARY_PATH: '/usr/lib/chromium',
      VK_ICD_FILENAMES: '/usr/lib/chromium/vk_swiftshader_icd.json',
    }
    if ((await build('native', ['make_tiny'])) && (await build('wasm')))
      await nodeSuite('tests/gpu', { env: vulkan })
  },
  async cli() {
    await nodeSuite('tests/cli')
    if (await buildModules()) await nodeSuite('bench') // bench/route runs the router
  },
  // the recipe of the training data and the scoreboard, on the standard library alone
  async model() {
    await one('model', 'unittest', 'python3', ['-m', 'unittest', 'discover', 'model/tests'])
  },
  async server() {
    // the command line too: it lints what was transcribed
    if (!(await build('native', ['nearfield', 'nearfield-server', 'make_tiny']))) return
    await nodeSuite('tests/server')
    const program = 'build/asan/nearfield-server'
    if (await build('asan'))
      await nodeSuite('tests/server', {
        label: 'asan ',
        env: { ...sanitize, NEARFIELD_SERVER: program, NEARFIELD_ROUNDS: '10' },
      })
  },
  async sdk() {
    if (!(await buildSdk())) return
    await one('sdk unit', 'tap', 'npx', [
      '--no-install',
      'vitest',
      'run',
      '--reporter=tap-flat',
      '--root',
      'sdk',
    ])
    if (existsSync('tools/size_gate.mjs'))
      await one('size gate', 'exit', process.execPath, ['tools/size_gate.mjs'])
  },
  async app() {
    if (!(await buildApp())) return
    await one('app unit', 'tap', 'npx', [
      '--no-install',
      'vitest',
      'run',
      '--reporter=tap-flat',
      '--root',
      'app',
    ])
  },
  async browser() {
    if (
      (await buildApp()) &&
      (await buildNative()) &&
      (await build('wasm', ['test_gpu_model'])) // sdk/parity.test.mjs
    )
      await nodeSuite('tests/browser', { timeoutS: 1200 })
  },
}

const wanted = process.argv.slice(2)
for (const name of wanted) {
  if (!(name in suites)) {
    console.error(`no suite '${name}'; there are: ${Object.keys(suites).join(' ')}`)
    process.exit(2)
  }
}
const start = performance.now()
for (const [name, suite] of Object.entries(suites)) {
  if (wanted.length === 0 || wanted.includes(name)) await suite()
}
console.log(`${((performance.now() - start) / 60000).toFixed(1)} minutes`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
