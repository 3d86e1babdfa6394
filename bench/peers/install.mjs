// Brings the engines we compare with into the user's cache, at pinned versions, on first use:
// never into the workspace. Owns those folders; knows nothing of how the engines are driven.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const versions = { llamacpp: '0.3.36', wllama: '3.8.1', transformersjs: '4.3.1' }
const builderTools = [
  'onnxruntime-genai==0.18.0',
  'torch==2.15.0',
  'transformers==5.24.0',
  'onnx==1.23.2',
  'onnx-ir==1.1.0',
  'onnxruntime==1.32.0',
  'gguf==0.19.0',
  'numpy==2.4.6',
  'tokenizers==0.23.3',
  'safetensors==0.8.0',
]

// Runs to the end; its output appears only when it fails.
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (d) => {
        output += d
      })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0
        ? resolve(output)
        : reject(
            new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-2000)}`),
          ),
    )
  })
}

// A folder that counts only once the file .nearfield-complete stands in it; a half-filled one
// (cut download, failed build) is emptied and filled again. A venv cannot be made and renamed.
async function installed(folder, fill) {
  const done = path.join(folder, '.nearfield-complete')
  if (existsSync(done)) return folder
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await fill(folder)
  writeFileSync(done, '')
  return folder
}

// An npm package with what it needs; install scripts are not run. Returns its node_modules.
export async function npmPeer(cache, name, version, say) {
  const folder = path.join(cache, `${name.replace('/', '-').replace('@', '')}-${version}`)
  const filled = await installed(folder, async (at) => {
    say(`fetching ${name} ${version}`)
    writeFileSync(path.join(at, 'package.json'), '{"private": true}\n')
    await run(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--save-exact',
        '--loglevel=error',
        `${name}@${version}`,
      ],
      { cwd: at },
    )
  })
  return path.join(filled, 'node_modules')
}

// A Python with exactly these packages. Returns its path.
async function venv(folder, packages) {
  const at = await installed(folder, async () => {
    await run('python3', ['-m', 'venv', folder])
    await run(
      path.join(folder, 'bin/pip'),
      ['install', '--quiet', '--disable-pip-version-check', ...packages],
      { env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: '2' } },
    )
  })
  return path.join(at, 'bin/python')
}

// llama.cpp, built for this machine (GGML_NATIVE), as a Python venv. Returns its python.
export async function llamaCppPython(cache, say) {
  const python = process.env.NEARFIELD_LLAMACPP_PYTHON
  if (python) return python
  const folder = path.join(cache, `llama-cpp-python-${versions.llamacpp}`)
  if (!existsSync(folder))
    say(
      `building llama.cpp (llama-cpp-python ${versions.llamacpp}) once: about six minutes on two cores`,
    )
  return venv(folder, [`llama-cpp-python==${versions.llamacpp}`])
}

// The folder transformers.js reads: NEARFIELD_ONNX, or an export of the GGUF made once here by
// onnxruntime-genai's model builder: int8, int4 and a tokenizer.
export async function onnxExport(cache, model, say) {
  if (process.env.NEARFIELD_ONNX) return path.resolve(process.env.NEARFIELD_ONNX)
  const hash = createHash('sha256').update(readFileSync(model)).digest('hex').slice(0, 12)
  const folder = path.join(cache, `onnx-edit-${hash}`)
  if (!existsSync(folder))
    say(
      'making the ONNX exports for transformers.js once: about three minutes, 6 GB of Python packages',
    )
  return installed(folder, async () => {
    const python = await venv(path.join(cache, 'onnx-genai-1'), builderTools)
    await run(python, [path.join(import.meta.dirname, 'make_onnx.py'), model, folder])
  })
}
