// Brings the engines we compare with into the user's cache, at pinned versions, on first use:
// never into the workspace. Owns those folders; knows nothing of how the engines are driven.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const versions = { llamacpp: '0.3.36', wllama: '3.8.1', transformersjs: '4.3.1' }

// Runs to the end; its output appears only when it fails.
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { output += d })
    child.on('error', reject)
    child.on('close', (code) => code === 0 ? resolve(output)
      : reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-2000)}`)))
  })
}

// A folder that is there only when it is whole: made under another name, then renamed. `fill`
// gets the folder's path of now; what cannot be moved (a Python venv) is marked by a file.
async function installed(folder, fill) {
  const done = path.join(folder, '.nearfield-complete')
  if (existsSync(done)) return folder
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await fill(folder)
  writeFileSync(`${done}.new`, '')
  renameSync(`${done}.new`, done)
  return folder
}

// An npm package with what it needs; install scripts are not run. Returns its node_modules.
export async function npmRival(cache, name, version, say) {
  const folder = path.join(cache, `${name.replace('/', '-').replace('@', '')}-${version}`)
  const filled = await installed(folder, async (at) => {
    say(`fetching ${name} ${version}`)
    writeFileSync(path.join(at, 'package.json'), '{"private": true}\n')
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact',
      '--loglevel=error', `${name}@${version}`], { cwd: at })
  })
  return path.join(filled, 'node_modules')
}

// llama.cpp, built for this machine (GGML_NATIVE), as a Python venv. Returns its python.
export async function llamaCppPython(cache, say) {
  const python = process.env.NEARFIELD_LLAMACPP_PYTHON
  if (python) return python
  const folder = await installed(path.join(cache, `llama-cpp-python-${versions.llamacpp}`), async (at) => {
    say(`building llama.cpp (llama-cpp-python ${versions.llamacpp}) once: about six minutes on two cores`)
    await run('python3', ['-m', 'venv', at])
    await run(path.join(at, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check',
      `llama-cpp-python==${versions.llamacpp}`], { env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: '2' } })
  })
  return path.join(folder, 'bin/python')
}
