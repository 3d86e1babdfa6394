// Is the model on this machine's GPU the model?
//   parity.html?[prompts=NAME,...][&captions=5250][&skip=N][&seconds=300][&vendor=NAME]
//   parity.html?decided=N&tokens=24[&captions=0]...
// The golden prompts beside the oracle and beside the CPU's int8 kernels; then captions of
// tests/edit/lossless.h, edited with drafts, beside one token a pass, in an order that any beginning
// of it is spread over the list. decided: of the golden prompts (their first tokens) and of N
// edited captions only the rows that decide a token, behind keys and values of kernel_ref. Bundled by device/pack.sh.
import { openGpu } from '../../../sdk/src/gpu/device.ts'
import {
  decidedRows,
  decidedTokens,
  editsAndPlain,
  editsDecided,
  goldenDecided,
  goldenRows,
  goldenTokens,
  sameRows,
} from '../../../tests/gpu/parity.mjs'
import { CPU, GPU, S, sidesOn } from '../../../tests/gpu/side.mjs'

const LISTED = 5250
const STRIDE = 1597 // no common factor with it
const CACHED = 256 // slots: more than any prompt with its answer
const query = new URLSearchParams(location.search)
const number = (name, otherwise) => Number(query.get(name) ?? otherwise)
const bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer())
const told = (name, value) => console.log(name, JSON.stringify(value)) ?? value

async function open(s, side, file, kernels) {
  const status = await s.load(side, file, { ctx: 1024, chunk: 1 << 22, kernels })
  if (status !== S.ok) throw new Error(`status ${status}: ${s.line}`)
}

function* captions(s, corpus) {
  const skip = number('skip', 0)
  for (let i = skip; i < skip + number('captions', LISTED) && i < LISTED; i++)
    yield s.caption(corpus, (i * STRIDE) % LISTED)
}

/** The golden prompts row by row, prompts and answers. */
async function whole(s, file, prompts) {
  const rows = await goldenRows(s, GPU, prompts)
  const golden = told('golden', goldenTokens(prompts, rows))
  await open(s, CPU, file, 'simd128')
  s.e.caches_open(CPU, CACHED)
  const int8 = told('int8', sameRows(rows, await goldenRows(s, CPU, prompts)))
  s.e.side_close(CPU)
  return { golden, int8 }
}

/** Golden prompts and edited captions; captions first: the longest prompts share their beginning. */
async function decided(s, file, golden, edits) {
  const texts = [...edits, ...golden]
  const report = {}
  const tell = (of, act) => {
    report[`edits${of}`] = told(`edits${of}`, act(0, edits.length))
    report[`golden${of}`] = told(`golden${of}`, act(edits.length, texts.length))
  }
  await open(s, CPU, file, 'ref')
  s.e.caches_open(CPU, CACHED)
  const rows = await decidedRows(s, GPU, texts)
  s.e.side_close(CPU)
  tell('', (from, to) => decidedTokens(texts.slice(from, to), rows.slice(from, to)))
  await open(s, CPU, file, 'simd128')
  s.e.caches_open(CPU, CACHED)
  const int8 = await decidedRows(s, CPU, texts)
  s.e.side_close(CPU)
  tell('_int8', (from, to) => sameRows(rows.slice(from, to), int8.slice(from, to)))
  return report
}

window.run = async () => {
  const { gpu } = await openGpu(navigator.gpu)
  const { vendor, architecture } = gpu.facts
  const wanted = query.get('vendor')
  if (wanted && vendor !== wanted) throw new Error(`the GPU is ${vendor}'s, not ${wanted}'s`)
  const module = await WebAssembly.compileStreaming(fetch('/parity/test_gpu_model.wasm'))
  const [file, corpus, golden, edited] = await Promise.all([
    bytesOf('/model/model.gguf'),
    bytesOf('/parity/edit_lines.txt'),
    fetch('/parity/golden_smollm2.json').then((r) => r.json()),
    fetch('/parity/agreement_smollm2.txt').then((r) => r.text()),
  ])
  const s = await sidesOn(module, gpu)
  await open(s, GPU, file)
  s.e.caches_open(GPU, CACHED)
  const report = { gpu: { vendor, architecture } }
  const named = query.get('prompts')?.split(',')
  const prompts = golden.prompts.filter((p) => named?.includes(p.name) ?? true)
  if (query.has('decided')) {
    const edits = editsDecided(edited, number('decided'))
    Object.assign(
      report,
      await decided(s, file, goldenDecided(prompts, number('tokens', 24)), edits),
    )
  } else if (prompts.length > 0) Object.assign(report, await whole(s, file, prompts))
  if (number('captions', LISTED) === 0) return report
  if (s.e.session_open(GPU) !== S.ok) throw new Error(s.line)
  const start = performance.now()
  const edits = await editsAndPlain(s, captions(s, corpus), number('seconds', 300))
  const seconds = Math.round((performance.now() - start) / 1000)
  report.lossless = told('lossless', { ...edits, seconds })
  return report
}
